"""Every fault of the stand-in, committed and not; its own list of invites is the judge."""

from collections.abc import Iterator
from itertools import islice

import pytest
from chaos import families
from chaos.cases import Tables

CHUNKS = 2


@pytest.fixture(scope="module")
def tables() -> Iterator[Tables]:
    with Tables(5) as opened:
        yield opened


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_fault_alone_leaves_each_invite_there_once_and_told_truly(
    tables: Tables, chunk: int
) -> None:
    played = list(tables.play(islice(families.single_faults(10_000), chunk, None, CHUNKS)))
    assert [str(one) for one in played if one.verdict.violations] == []
    assert len(played) > 50


def test_faults_of_all_kinds_together_are_mended_by_one_more_run(tables: Tables) -> None:
    played = list(tables.play(islice(families.mixtures(11_000), 24)))
    assert [str(one) for one in played if one.verdict.violations] == []


def test_a_commit_after_the_client_gave_up_is_found(tables: Tables) -> None:
    played = list(tables.play(islice(families.hasty(12_000), 8)))
    assert [str(one) for one in played if one.verdict.violations] == []
