"""The log, the figures for Prometheus and the messages, each by itself."""

import json
import logging
import os
import stat
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from bulk_referrals.errors import InputError, LedgerBusyError, StoppedError, UsageError
from bulk_referrals.events import LOGGER, RUN_ID, Event, happened
from bulk_referrals.model import RequestFigures
from bulk_referrals.telling import Ending, exit_code_of, sentence_of, state_of
from bulk_referrals.telling.logs import log_to
from bulk_referrals.telling.masking import masked
from bulk_referrals.telling.metrics import write_metrics
from bulk_referrals.telling.notifying import Notifier, body, notifier, title

BEGAN = datetime(2026, 11, 23, 2, 15, tzinfo=UTC)
ENDING = Ending(
    name="prod",
    run_id="20261123T021500-7f3a",
    state="finished",
    exit_code=1,
    headline="Of 5 invites, 3 were accepted and 2 have something to correct.",
    tasks=("2 invites have something to correct. Correct the rows.",),
    started_at=BEGAN,
    finished_at=BEGAN + timedelta(seconds=75),
    source_rows=5,
    outcomes={"accepted": 3, "rejected": 2, "already_sent": 0},
    requests=RequestFigures(sent=4, retried=1, read_back=2, throttled_s=1.5),
    outputs={"report.xlsx": "reports/20261123T021500-7f3a/report.xlsx"},
    labels={"organisation": "brand", "profile": "prod"},
)


# --- masking


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rows of asha.k@example.com.csv", "rows of ***"),
        ("exports/917999836466.csv", "exports/***.csv"),
        ("call +91 79998 36466 now", "call *** now"),
        ("(0)98-765-432-10", "(***"),
        ("https://user:hush@host/in?key=hush", "https://***@host/in?***"),
        ("20261123T021500-7f3a at 02:15, 1,234,567,890 rows", None),
        ("s3://bucket/export_20261123021500.csv", None),
        ("export-2026-11-23 0215.csv, 2026-11-23 02:15:09, 202611230215", None),
        ("reports/20261123T021500-7f3a/report.xlsx", None),
    ],
)
def test_contacts_and_credentials_are_masked_and_moments_are_not(
    text: str, shown: str | None
) -> None:
    assert masked(text) == (text if shown is None else shown)


# --- the log


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_each_event_is_a_json_object_on_a_line(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    token = RUN_ID.set("20261123T021500-7f3a")
    try:
        with log_to(path, "json") as lost:
            happened(Event.PROGRESS, accepted=3, left=2, what="to asha@example.com\nand more")
            happened(Event.RUN_ENDED, level=logging.ERROR, rows={"917999836466.csv": 3})
    finally:
        RUN_ID.reset(token)
    first, last = lines(path)
    assert datetime.fromisoformat(first.pop("timestamp")).utcoffset() == timedelta()
    assert first == {"level": "info", "event": "progress", "run_id": "20261123T021500-7f3a",
                     "accepted": 3, "left": 2, "what": "to ***\nand more"}  # fmt: skip
    assert (last["level"], last["rows"]) == ("error", {"***.csv": 3})
    assert lost == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_each_event_is_a_plain_line(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    with log_to(path, "plain"):
        happened(Event.NOTICE, what='two "words"\nand a line', sources=["a.csv", "b.csv"],
                 rows={"a.csv": 3}, why="")  # fmt: skip
    (line,) = path.read_text("utf-8").splitlines()
    at, rest = line.split(" ", 1)
    assert datetime.fromisoformat(at)
    assert rest == (
        'INFO - notice what="two \\"words\\"\\nand a line" sources=a.csv,b.csv rows=a.csv:3'
    )


def test_a_log_is_appended_to_and_survives_being_turned_over(tmp_path: Path) -> None:
    path, turned = tmp_path / "run.log", tmp_path / "run.log.1"
    path.write_text('{"event": "of last night"}\n', "utf-8")
    with log_to(path, "json"):
        happened(Event.SENDING, rows=1)
        path.rename(turned)
        happened(Event.SENDING, rows=2)
    assert [each["event"] for each in lines(turned)] == ["of last night", "sending"]
    assert [each["rows"] for each in lines(path)] == [2]


def test_without_a_log_events_go_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    happened(Event.TROUBLE, level=logging.CRITICAL, what="nobody listens")
    assert capfd.readouterr() == ("", "")


def test_after_a_log_nobody_listens_any_more(tmp_path: Path) -> None:
    before = LOGGER.handlers[:], LOGGER.level
    with log_to(tmp_path / "run.log", "plain"):
        assert len(LOGGER.handlers) == len(before[0]) + 1
    assert (LOGGER.handlers, LOGGER.level) == before


def test_runs_side_by_side_keep_their_logs_apart(tmp_path: Path) -> None:
    both_open, one_closed = Barrier(2, timeout=60), Barrier(2, timeout=60)

    def one_run(number: int) -> list[int]:
        path = tmp_path / f"{number}.log"
        with log_to(path, "json"):
            both_open.wait()
            happened(Event.SENDING, rows=number)
            if number:
                one_closed.wait()
                happened(Event.SENDING, rows=number + 10)  # the other log is closed by now
        if not number:
            one_closed.wait()
        return [each["rows"] for each in lines(path)]

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(one_run, (0, 1))) == [[0], [1, 11]]
    assert LOGGER.level == logging.NOTSET


def test_a_log_may_be_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with log_to(Path("-"), "json"):
        happened(Event.SENDING, rows=3)
    assert json.loads(capsys.readouterr().err)["rows"] == 3


def test_a_log_that_cannot_be_written_is_told_before_anything_begins(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match=r"none/run\.log: the log cannot be written"),
        log_to(tmp_path / "none" / "run.log", "json"),
    ):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which Linux has")
def test_a_disk_that_is_full_is_told_once_and_ends_nothing(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with log_to(Path("/dev/full"), "json") as lost:
        happened(Event.SENDING, rows=1)
        happened(Event.SENDING, rows=2)
    (told,) = lost
    assert "/dev/full: the log could not be written to its end (No space left" in told
    assert capfd.readouterr().err == ""


def test_a_folder_that_goes_away_meanwhile_ends_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    with log_to(folder / "run.log", "json") as lost:
        happened(Event.SENDING, rows=1)
        folder.rename(tmp_path / "elsewhere")
        happened(Event.SENDING, rows=2)
        happened(Event.SENDING, rows=3)
    assert len(lost) == 1
    assert "No such file" in lost[0]


# --- figures for Prometheus


def figures(path: Path) -> dict[tuple[str, str], float]:
    """Return (name, the label besides organisation and profile) -> value."""
    found = {}
    for family in text_string_to_metric_families(path.read_text("utf-8")):
        assert family.type == "gauge"
        assert family.documentation
        for sample in family.samples:
            rest = [value for name, value in sample.labels.items()
                    if name not in {"organisation", "profile"}]  # fmt: skip
            assert sample.labels["organisation"] == "brand"
            assert sample.labels["profile"] == "prod"
            found[sample.name.removeprefix("bulk_referrals_"), "".join(rest)] = sample.value
    return found


def test_the_figures_of_a_run_are_those_that_the_exporter_reads(tmp_path: Path) -> None:
    path = tmp_path / "bulk_referrals.prom"
    mask = os.umask(0o077)
    try:
        write_metrics(path, ENDING)
    finally:
        os.umask(mask)
    got = figures(path)
    assert {got["last_run_rows", each] for each in ("accepted", "rejected", "unknown")} == {
        3,
        2,
        0,
    }
    assert got["last_run_source_rows", ""] == 5
    assert [got["last_run_requests", each] for each in ("sent", "retried", "read_back")] == [
        4,
        1,
        2,
    ]
    assert got["last_run_throttled_seconds", ""] == 1.5
    assert got["last_run_duration_seconds", ""] == 75
    assert got["last_run_exit_code", ""] == 1
    assert got["last_run_timestamp_seconds", ""] == ENDING.finished_at.timestamp()
    assert got["last_run_state", "finished"] == 1
    assert got["last_completion_timestamp_seconds", ""] == ENDING.finished_at.timestamp()
    assert ("last_success_timestamp_seconds", "") not in got  # there never was one
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_the_last_success_outlives_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "bulk_referrals.prom"
    later = ENDING.finished_at + timedelta(days=1)
    write_metrics(path, replace(ENDING, exit_code=0))
    write_metrics(path, replace(ENDING, exit_code=3, finished_at=later))
    got = figures(path)
    assert got["last_success_timestamp_seconds", ""] == ENDING.finished_at.timestamp()
    assert got["last_completion_timestamp_seconds", ""] == ENDING.finished_at.timestamp()
    assert got["last_run_timestamp_seconds", ""] == later.timestamp()
    assert got["last_run_exit_code", ""] == 3


def test_another_organisations_success_is_not_taken_for_ours(tmp_path: Path) -> None:
    path = tmp_path / "bulk_referrals.prom"
    labels = {"organisation": "other", "profile": "prod"}
    write_metrics(path, replace(ENDING, exit_code=0, labels=labels))
    write_metrics(path, replace(ENDING, exit_code=3))
    assert ("last_success_timestamp_seconds", "") not in figures(path)


@pytest.mark.parametrize("damage", [b"\xff\xfe", b"bulk_referrals_last_success{ 7\n", b""])
def test_a_damaged_file_is_replaced(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "bulk_referrals.prom"
    path.write_bytes(damage)
    write_metrics(path, replace(ENDING, exit_code=0))
    assert figures(path)["last_run_exit_code", ""] == 0


def test_labels_of_any_text_are_read_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "bulk_referrals.prom"
    labels = {"organisation": 'Mir & "Söhne"\\', "profile": "a\nb"}
    write_metrics(path, replace(ENDING, exit_code=0, labels=labels))
    write_metrics(path, replace(ENDING, exit_code=3, labels=labels))
    (sample,) = [
        sample
        for family in text_string_to_metric_families(path.read_text("utf-8"))
        for sample in family.samples
        if sample.name == "bulk_referrals_last_success_timestamp_seconds"
    ]
    assert sample.labels == labels


def test_figures_that_cannot_be_written_leave_what_stood_there(tmp_path: Path) -> None:
    path = tmp_path / "folder.prom"
    (path / "in the way").mkdir(parents=True)
    with pytest.raises(OSError, match=r"folder\.prom"):
        write_metrics(path, ENDING)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


# --- messages


class Channel:
    """A channel in memory."""

    def __init__(self, answer: bool | Exception = True) -> None:  # noqa: FBT001, FBT002 - as apprise answers
        self.answer = answer
        self.told: list[dict[str, Any]] = []

    def notify(self, **message: Any) -> bool:
        self.told.append(message)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def of(*channels: Channel, when: Any = "failure", attached: Sequence[str] = ()) -> Notifier:
    return Notifier(channels=channels, when=when, attached=tuple(attached))


def test_a_message_says_what_happened_what_to_do_and_the_figures() -> None:
    assert title(ENDING) == "bulk-referrals (prod): some rows need a person"
    assert body(ENDING) == (
        "Of 5 invites, 3 were accepted and 2 have something to correct.\n\n"
        "- 2 invites have something to correct. Correct the rows.\n\n"
        "Rows: 3 accepted, 2 rejected\n"
        "Requests: 4 sent, 1 retried, 2 read back\n"
        "Took: 1 min 15 s\n"
        "Run: 20261123T021500-7f3a\n"
        "Report: reports/20261123T021500-7f3a\n"
        "Exit code: 1"
    )


@pytest.mark.parametrize(
    ("when", "exit_code", "told"),
    [("failure", 0, 0), ("failure", 1, 1), ("failure", 2, 1), ("always", 0, 1), ("always", 3, 1)],
)
def test_who_is_told_when(when: str, exit_code: int, told: int) -> None:
    channel = Channel()
    ending = replace(ENDING, exit_code=exit_code)
    assert of(channel, when=when).tell(ending) == (told, [])
    kinds = {0: "success", 1: "warning"}
    assert [each["notify_type"] for each in channel.told] == [
        kinds.get(exit_code, "failure")
    ] * told


def test_a_channel_that_fails_is_told_by_its_number_and_the_next_one_still_hears() -> None:
    broken, refusing, well = Channel(OSError("token hush-hush")), Channel(answer=False), Channel()
    told, wrong = of(broken, refusing, well).tell(ENDING)
    assert told == 1
    assert [sentence.partition(" was not")[0] for sentence in wrong] == [
        "notify: address 1 of 3", "notify: address 2 of 3",
    ]  # fmt: skip
    assert "(OSError)" in wrong[0]
    assert "hush" not in "".join(wrong)
    assert len(well.told) == 1


def test_an_address_that_nobody_knows_is_told_without_showing_it() -> None:
    with pytest.raises(UsageError, match="address 2 of 2 is none that apprise knows") as caught:
        notifier([SecretStr("json://localhost"), SecretStr("nonsense://hush")], "failure", ())
    assert "hush" not in str(caught.value)


def test_a_missing_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(UsageError, match=r"pip install 'bulk-referrals\[notify\]'"):
        notifier([SecretStr("json://localhost")], "failure", ())
    assert notifier([], "failure", ()).tell(ENDING) == (0, [])


# --- endings by an error


@pytest.mark.parametrize(
    ("error", "code", "state", "told"),
    [
        (
            InputError("a.csv", "it is a PDF", advice="Save it."),
            2,
            "failed",
            "a.csv: it is a PDF.",
        ),
        (LedgerBusyError("Another run holds it."), 2, "busy", "Another run holds it."),
        (StoppedError("No report."), 3, "stopped", "No report."),
        (KeyboardInterrupt(), 130, "interrupted", "Interrupted."),
        (FileNotFoundError(2, "No such file", "x/y"), 3, "failed", "x/y: No such file."),
        (ValueError("917999836466"), 3, "failed", "a fault of bulk-referrals (ValueError)"),
    ],
)
def test_an_error_ends_with_a_code_a_word_and_a_sentence(
    error: BaseException, code: int, state: str, told: str
) -> None:
    assert (exit_code_of(error), state_of(error)) == (code, state)
    assert told in sentence_of(error)
    assert "917999836466" not in sentence_of(error)
