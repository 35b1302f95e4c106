"""The real process, killed and stopped at every step; the stand-in's own list is the judge.

Each case is repeatable by its number. `make chaos` plays thousands more.
"""

from collections.abc import Iterator
from itertools import islice

import pytest
from chaos import families
from chaos.cases import Case, Tables
from chaos.sitting import can_trace

CASES_PER_CHUNK = 36
KILLS_PER_CHUNK = 75


@pytest.fixture(scope="module")
def tables() -> Iterator[Tables]:
    with Tables(5) as opened:
        yield opened


@pytest.mark.parametrize("chunk", range(4))
def test_killed_at_every_step_no_invite_is_lost_and_none_is_made_twice(
    tables: Tables, chunk: int
) -> None:
    every = islice(families.kills(1_000), chunk * CASES_PER_CHUNK, (chunk + 1) * CASES_PER_CHUNK)
    played = list(tables.play(every))
    assert [str(one) for one in played if one.verdict.violations] == []
    assert sum(one.kills for one in played) >= KILLS_PER_CHUNK


def test_killed_while_the_platform_fails_too_a_last_run_mends_what_is_left(tables: Tables) -> None:
    played = list(tables.play(islice(families.killed_amid_faults(2_000), 16)))
    assert [str(one) for one in played if one.verdict.violations] == []
    assert sum(one.kills for one in played) >= 20


def test_a_ledger_that_cannot_be_written_stops_sending_and_the_run_goes_on_later(
    tables: Tables,
) -> None:
    """Asked to end, locked, full or failing once: at each step in turn."""
    played = list(tables.play(islice(families.stops(3_000), 36)))
    assert [str(one) for one in played if one.verdict.violations] == []
    stopped = [one for one in played if one.endings[0].code in {3, 130}]
    assert len(stopped) >= 14


def test_a_disk_that_fills_stops_sending_and_the_run_goes_on_when_there_is_space(
    tables: Tables,
) -> None:
    played = list(tables.play(islice(families.cramped(4_000), 12)))
    assert [str(one) for one in played if one.verdict.violations] == []
    assert any(one.endings[0].code == 3 for one in played)


def test_killed_at_a_system_call_or_failed_by_one_nothing_is_lost_or_made_twice(
    tables: Tables,
) -> None:
    if not can_trace():
        pytest.skip("strace is not installed, or may not trace here")
    played = list(tables.play(islice(families.syscalls(5_000), 28)))
    assert [str(one) for one in played if one.verdict.violations] == []
    assert sum(one.kills for one in played) >= 10
    assert any(one.endings[0].code == 3 for one in played)


@pytest.mark.parametrize("wait_s", ["0", "30"])
def test_two_runs_at_once_on_one_ledger_never_double(tables: Tables, wait_s: str) -> None:
    cases = [
        Case(number=6_000 + number, platform="busy", settings={"wait_s": wait_s})
        for number in range(6)
    ]
    played = list(tables.play(cases, runs=2))
    assert [str(one) for one in played if one.verdict.violations] == []
    codes = {code for one in played for code in (ending.code for ending in one.endings)}
    assert codes == ({1, 2} if wait_s == "0" else {1})  # a row of each file is to be corrected
