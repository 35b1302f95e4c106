"""The ledger in PostgreSQL: runs killed, the database killed, two runs at once; the same zeros."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import pytest
from chaos import families
from chaos.cases import Tables

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def tables() -> Iterator[Tables]:
    with Tables(2) as opened:
        yield opened


def test_killed_at_any_step_no_invite_is_lost_and_none_is_made_twice(tables: Tables) -> None:
    played = list(tables.play(islice(families.on_postgres(20_000), 6)))
    assert [str(one) for one in played if one.verdict.violations] == []
    assert sum(one.kills for one in played) >= 12


def test_a_run_outlasts_the_death_of_its_database_and_nothing_is_lost_or_made_twice(
    tables: Tables,
) -> None:
    """Whether a commit whose answer was lost was done is found out, and not guessed."""
    played = list(tables.play(islice(families.database_killed(21_003), 4)))
    assert [str(one) for one in played if one.verdict.violations] == []
    assert all(one.endings[0].struck for one in played)


def test_two_runs_of_one_file_at_once_send_each_invite_once_though_one_is_killed(
    tables: Tables,
) -> None:
    played = list(tables.play(islice(families.side_by_side(22_000), 5)))
    assert [str(one) for one in played if one.verdict.violations] == []
    assert any(one.kills for one in played)


def test_two_runs_that_claim_nothing_are_caught(tables: Tables) -> None:
    cases = (
        replace(case, variant="no-claims", strikes=())
        for case in islice(families.side_by_side(23_000), 6)
    )
    assert any(one.verdict.violations for one in tables.play(cases))
