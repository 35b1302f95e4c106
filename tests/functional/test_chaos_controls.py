"""Negative controls: what the judge does not catch in a wrong program, its zeros do not show.

The right program passes the very families in `test_chaos_kills` and `test_chaos_faults`.
"""

from collections.abc import Iterator
from itertools import islice

import pytest
from chaos import families
from chaos.cases import Case, Tables


@pytest.fixture(scope="module")
def tables() -> Iterator[Tables]:
    with Tables(4) as opened:
        yield opened


@pytest.mark.parametrize("variant", families.CONTROLS)
def test_a_wrong_program_is_caught(tables: Tables, variant: str) -> None:
    played = list(tables.play(islice(families.controls(variant, 1_000), 12)))
    told = " ".join(sentence for one in played for sentence in one.verdict.violations)
    assert "twice: " in told


def test_two_runs_at_once_without_the_lock_are_caught(tables: Tables) -> None:
    cases = [Case(number=7_000 + n, platform="busy", variant="no-lock") for n in range(6)]
    played = list(tables.play(cases, runs=2))
    assert any("twice: " in told for one in played for told in one.verdict.violations)
