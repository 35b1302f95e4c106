"""Over both engines: by parts, whatever their size, every row ends as it does in memory."""

import csv
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cluster import cluster
from distributed import Client, get_worker
from hypothesis import HealthCheck, given
from hypothesis import settings as trials
from hypothesis import strategies as st

from bulk_referrals import pipeline
from bulk_referrals.config import Settings, load_settings
from bulk_referrals.engine import Engine, LocalEngine, open_engine
from bulk_referrals.errors import InputError, StoppedError, UsageError
from bulk_referrals.model import Arrival
from bulk_referrals.pipeline import parts
from bulk_referrals.pipeline.parts import results
from bulk_referrals.pipeline.parts.checking import frame_of
from bulk_referrals.pipeline.parts.sending import OneOfMany
from bulk_referrals.pipeline.parts.spool import Spool
from bulk_referrals.pipeline.preparing import prepare

NOW: Final = datetime(2024, 10, 9, 12, tzinfo=UTC)
HEADER: Final = ("Referrer Mobile", "Campaign Token", "Type", "Identifier", "Name", "Invited On",
                 "Referral Code", "Invitee Email", "Email", "")  # fmt: skip
SAMPLES: Final = Path(__file__).parents[2] / "sample_data"
VARYING: Final = {"sent_at", "request_id", "attempts"}

Rows = list[list[str]]
Chance = random.Random


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    with cluster() as address:
        yield address


@pytest.fixture(params=["local", "dask"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    if request.param == "local":
        yield LocalEngine()
        return
    found = open_engine(request.getfixturevalue("scheduler"))
    yield found
    found.close()


def settings_for(folder: Path, part_bytes: int, **more: Any) -> Settings:
    flags = {"region": "IN", "reports": folder / "reports", "work": folder / "work",
             "ledger": folder / "ledger.sqlite3", "engine": "local",
             "invited_on": "2024-09-01 10:00", **more}  # fmt: skip
    return load_settings(None, flags).model_copy(update={"partition_size": part_bytes})


def by_parts(
    engine: Engine, paths: Sequence[str], settings: Settings
) -> tuple[pa.Table, tuple[str, ...], int]:
    """Return the checked frame of all parts together, the notices, and the number of parts."""
    spool = Spool(settings.work / "one")
    spool.make()
    try:
        place = parts._Place(engine=engine, spool=spool)
        arrival = Arrival(paths=tuple(paths))
        checked, notices = parts._prepared(arrival, settings, place, now=NOW, to_send=True)
        frames = [frame_of(spool, part) for part in checked.read.parts]
        return pa.concat_tables(frames), notices, len(frames)
    finally:
        spool.remove()


def assert_alike(engine: Engine, paths: Sequence[str], settings: Settings) -> int:
    """Assert that parts come to what memory comes to; return how many parts there were."""
    whole: Any = None
    try:
        whole = prepare(Arrival(paths=tuple(paths)), settings, now=NOW, stdin=None)
    except UsageError as error:
        refused = str(error)
    if whole is None:
        with pytest.raises(UsageError) as raised:
            by_parts(engine, paths, settings)
        assert str(raised.value) == refused
        return 0
    frame, notices, count = by_parts(engine, paths, settings)
    assert notices == whole.notices
    assert frame.column_names == whole.checked.column_names
    for name in frame.column_names:
        assert frame[name].to_pylist() == whole.checked[name].to_pylist(), name
    return count


def written(rows: Rows, *, delimiter: str = ",", end: str = "\n", header: bool = True) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, lineterminator=end)
    writer.writerows([HEADER, *rows] if header else rows)
    return stream.getvalue()


def made(chance: Chance, count: int, **pools: Sequence[str]) -> Rows:
    """Return rows whose cells are drawn from small pools, so that they meet again."""
    usual: dict[str, Sequence[str]] = {
        "referrer": [f"98765432{n:02}" for n in range(12)] + ["917999836466", "oops", ""],
        "token": ["J0H7Q"] * 8 + ["K2LM9", "", "no token"],
        "type": ["MOBILE"] * 4 + ["", "EMAIL", "WhatsApp"],
        "invitee": [f"98111222{n:02}" for n in range(25)] + ["a@example.org", "12", "#N/A", ""],
        "name": ["Asha", "", 'Zoë "Z"', "a\nb", "a,b", "A name with more than twenty letters"],
        "date": ["2024-09-10", "", "soon", "20240910T16:35:52.pV7BF"],
        "code": ["pV7BF"] * 9 + [""],
        "email": [""] * 9 + ["b@example.org", "c@example.org"],
    }
    chosen = {**usual, **pools}
    return [
        [*(chance.choice(list(pool)) for pool in chosen.values()), "", ""] for _ in range(count)
    ]


def spoilt(chance: Chance, text: str) -> str:
    """Return the text with what exports do to it: rows cut, widened, blank, or left open."""
    lines = text.splitlines(keepends=True)
    kinds: list[Callable[[str], str]] = [
        lambda line: line.split(",")[0] + "\n",
        lambda line: line.rstrip("\n") + ",more,cells\n",
        lambda line: line + "\n",
        lambda line: '"' + line,
        lambda _: ",,,,,,,,,\n",
    ]
    for _ in range(chance.randrange(4)):
        at = chance.randrange(1, len(lines))
        lines[at] = chance.choice(kinds)(lines[at])
    whole = "".join(lines)
    return whole.rstrip("\n") if chance.random() < 0.3 else whole


DATES: Final[Mapping[str, Sequence[str]]] = {
    "open": ["03/04/2024", "05/06/2024", "2024-09-10"],
    "both": ["03/04/2024"] * 9 + ["13/04/2024", "04/13/2024"],
    "late": ["03/04/2024"] * 40 + ["25/04/2024"],
    "future": ["03/04/2024"] * 20 + ["10/11/2024"],
    "numbers": ["45000", "45001.5", "1700000000"],
}


@given(
    seed=st.integers(0, 10_000),
    files=st.integers(1, 4),
    part_bytes=st.sampled_from([300, 900, 3_000]),
    dates=st.sampled_from(sorted(DATES)),
    mark=st.sampled_from(["", "\ufeff"]),
)
@trials(
    deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_parts_of_any_size_come_to_what_memory_comes_to(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    files: int,
    part_bytes: int,
    dates: str,
    mark: str,
) -> None:
    chance, folder = Chance(seed), tmp_path_factory.mktemp("parts")
    for number in range(files):
        rows = made(chance, chance.randrange(60), date=[*DATES[dates], "2024-09-10"])
        text = spoilt(chance, written(rows)) if rows else written(rows)
        (folder / f"{number}.csv").write_text(mark + text, encoding="utf-8")
    paths = [str(each) for each in sorted(folder.glob("*.csv"))]
    allow_empty = chance.random() < 0.5
    assert_alike(LocalEngine(), paths, settings_for(folder, part_bytes, allow_empty=allow_empty))


@pytest.mark.parametrize("kind", sorted(DATES))
def test_the_order_of_dates_is_decided_once_for_all_parts(
    tmp_path: Path, engine: Engine, kind: str
) -> None:
    rows = made(Chance(3), 80, date=DATES[kind])
    path = tmp_path / "a.csv"
    path.write_text(written(rows), encoding="utf-8")
    assert assert_alike(engine, [str(path)], settings_for(tmp_path, 1_000)) > 2


def test_a_lost_plus_is_told_by_all_parts(tmp_path: Path, engine: Engine) -> None:
    mobiles = [f"9198111222{n:02}" for n in range(40)]
    rows = made(Chance(4), 120, invitee=[*mobiles, "6583123456"], referrer=["917999836466"])
    path = tmp_path / "a.csv"
    path.write_text(written(rows), encoding="utf-8")
    settings = settings_for(tmp_path, 1_000)
    assert assert_alike(engine, [str(path)], settings) > 2
    frame, _, _ = by_parts(engine, [str(path)], settings)
    assert "if its plus was lost" in " ".join(frame["warning"].drop_null().to_pylist())


def test_rounded_numbers_are_told_by_all_parts(tmp_path: Path, engine: Engine) -> None:
    rows = made(Chance(5), 100, name=["Asha"])
    rows[3][3], rows[97][3] = "919000000000", "918000000000"
    path = tmp_path / "a.csv"
    path.write_text(written(rows), encoding="utf-8")
    settings = settings_for(tmp_path, 1_000)
    assert assert_alike(engine, [str(path)], settings) > 2
    frame, _, _ = by_parts(engine, [str(path)], settings)
    assert frame["code"].to_pylist().count("rounded-number") == 2


def test_repeats_are_found_across_files_and_name_the_first(tmp_path: Path, engine: Engine) -> None:
    row = ["9876543210", "J0H7Q", "MOBILE", "9811122233", "", "2024-09-10", "pV7BF", "", "", ""]
    other = ["9876543211", *row[1:]]
    for name, rows in (("a", [row]), ("b", [row, row]), ("c", [other, row])):
        (tmp_path / f"{name}.csv").write_text(written(rows), encoding="utf-8")
    paths = [str(each) for each in sorted(tmp_path.glob("*.csv"))]
    settings = settings_for(tmp_path, 150)
    assert assert_alike(engine, paths, settings) == 3
    frame, _, _ = by_parts(engine, paths, settings)
    assert frame["outcome"].is_null().to_pylist() == [True, False, False, True, False]
    assert f"{paths[0]}, row 2" in frame["reason"][4].as_py()
    assert frame["warning"][0].as_py() == "2 referrers invite the same person to this campaign"


def test_every_sample_comes_to_the_same(tmp_path: Path, engine: Engine) -> None:
    samples = sorted(
        str(each)
        for each in SAMPLES.rglob("*")
        if each.suffix in {".csv", ".xlsx", ".tsv", ".ods"}
    )
    assert samples
    for sample in samples:
        assert_alike(engine, [sample], settings_for(tmp_path, 2_000))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("packed.csv.gz", None),
        ("latin.csv", written(made(Chance(6), 40, name=["José", "Zoë"])).encode("cp1252")),
        ("wide.csv", written(made(Chance(6), 40)).encode("utf-16")),
        ("semicolons.csv", written(made(Chance(6), 40), delimiter=";").encode()),
        ("sep.csv", b"sep=;\r\n" + written(made(Chance(6), 40), delimiter=";").encode()),
        ("mac.csv", written(made(Chance(6), 40, name=["Asha"]), end="\r").encode()),
        ("no header.csv", written(made(Chance(6), 40), header=False).encode()),
        ("empty.csv", b""),
        ("only header.csv", written([]).encode() + b"\n" * 900),
        ("all ragged.csv", written([]).encode() + b"x\ny\nz\n" * 100),
        ("broken.csv", written(made(Chance(6), 40)).encode() + b"\xff\xfe\n"),
    ],
)
def test_texts_of_all_kinds_come_to_the_same(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    import gzip  # noqa: PLC0415 - one case needs it

    packed = gzip.compress(written(made(Chance(6), 300)).encode())
    path = tmp_path / name
    path.write_bytes(packed if content is None else content)
    assert_alike(LocalEngine(), [str(path)], settings_for(tmp_path, 700))


def as_parquet(rows: Rows, path: Path, group_rows: int) -> None:
    names = [name or "unnamed" for name in HEADER]
    columns = zip(*rows, strict=True) if rows else ([] for _ in names)
    table = pa.table([pa.array(column, pa.string()) for column in columns], names=names)
    pq.write_table(table, path, row_group_size=group_rows)


@given(
    seed=st.integers(0, 10_000),
    group_rows=st.sampled_from([9, 25, 1_000]),
    part_bytes=st.sampled_from([900, 3_000]),
    dates=st.sampled_from(sorted(DATES)),
)
@trials(deadline=None, max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_row_groups_of_any_size_come_to_what_memory_comes_to(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    group_rows: int,
    part_bytes: int,
    dates: str,
) -> None:
    chance, folder = Chance(seed), tmp_path_factory.mktemp("parquet")
    for number in range(2):
        made_rows = made(chance, chance.randrange(60), date=DATES[dates])
        as_parquet(made_rows, folder / f"{number}.parquet", group_rows)
    (folder / "2.csv").write_text(written(made(chance, 20)), encoding="utf-8")
    paths = [str(each) for each in sorted(folder.iterdir())]
    settings = settings_for(folder, part_bytes, allow_empty=chance.random() < 0.5)
    assert_alike(LocalEngine(), paths, settings)


def test_parquet_comes_to_the_same_on_both_engines(tmp_path: Path, engine: Engine) -> None:
    rows = made(Chance(9), 80, date=DATES["late"], invitee=["919000000000", "918000000000", "12"])
    path = tmp_path / "a.parquet"
    as_parquet(rows, path, 20)
    assert assert_alike(engine, [str(path)], settings_for(tmp_path, 1_000)) > 2
    columns = {
        "referrer_mobile": pa.array([919876543210.0 + n for n in range(30)]),
        "identifier": pa.array([919811122230 + n for n in range(30)]),
        "campaign_token": pa.array(["J0H7Q", "K2LM9"] * 15).dictionary_encode(),
        "invited_on": pa.array([NOW] * 29 + [None], pa.timestamp("us", "Asia/Kolkata")),
        "referral_code": pa.array(["pV7BF"] * 30, pa.large_string()),
        "tags": pa.array([[1]] * 30),
    }
    pq.write_table(pa.table(columns), path, row_group_size=7)
    assert assert_alike(engine, [str(path)], settings_for(tmp_path, 600)) > 2
    frame, _, _ = by_parts(engine, [str(path)], settings_for(tmp_path, 600))
    assert frame["outcome"].null_count == len(frame)


def test_a_row_without_an_end_is_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bulk_referrals.loader.pieces._LONGEST_ROW_BYTES", 2_000)
    text = written(made(Chance(7), 20, name=["Asha"])) + '"' + "x,y\n" * 4_000
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="may never be closed"):
        by_parts(LocalEngine(), [str(tmp_path / "a.csv")], settings_for(tmp_path, 700))


def lines_of(finished: Any) -> list[dict[str, str]]:
    files = [path for name, path in sorted(finished.outputs.items()) if name.startswith("results")]
    lines = []
    for file in files:
        with Path(file).open(encoding="utf-8", newline="") as stream:
            lines += list(csv.DictReader(stream))
    return [{k: v for k, v in line.items() if k not in VARYING} for line in lines]


def test_a_check_reports_as_in_memory(
    tmp_path: Path, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(written(made(Chance(8), 300)), encoding="utf-8")
    reports = {}
    for kind, more in (
        ("memory", {}), ("local", {}), ("dask", {"scheduler": scheduler}),
    ):  # fmt: skip
        settings = settings_for(tmp_path / kind, 3_000, engine=kind, **more)
        reports[kind] = pipeline.check([str(path)], settings)
    memory = reports.pop("memory")
    for each in reports.values():
        assert lines_of(each) == lines_of(memory)
        assert each.summary.outcomes == memory.summary.outcomes
        assert each.summary.headline == memory.summary.headline
        assert set(each.outputs) == set(memory.outputs)
        assert each.report.notices == memory.report.notices
    monkeypatch.setattr(results, "MOST_WHOLE", 100)
    monkeypatch.setattr(results, "MOST_SHOWN", 40)
    settings = settings_for(tmp_path / "excerpt", 3_000)
    large = pipeline.check([str(path)], settings)
    assert lines_of(large) == lines_of(memory)
    for name in ("headline", "outcomes", "codes", "reasons", "sources", "books", "warnings"):
        assert getattr(large.summary, name) == getattr(memory.summary, name), name
    assert len(large.report.outcomes) == 40
    assert "results-00000.csv" in large.outputs
    assert "results.csv" not in large.outputs
    assert not list((tmp_path / "local" / "work").iterdir())


class _Yes(OneOfMany):
    def __init__(self) -> None:
        """Watch for nobody."""

    def _nothing(self, *_: object) -> None:
        """Take no note."""

    notice = warn = settled = stoppable = draining = _nothing  # type: ignore[assignment]


def test_a_run_by_parts_accepts_what_a_run_in_memory_does(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(written(made(Chance(9), 150)), encoding="utf-8")
    memory, local = (
        pipeline.run(
            [str(path)], settings_for(tmp_path / kind, 4_000, engine=kind), sandbox=True,
            watch=_Yes(),
        )
        for kind in ("memory", "local")
    )  # fmt: skip
    assert lines_of(local) == lines_of(memory)
    assert local.summary.outcomes == memory.summary.outcomes
    assert local.report.exit_code == memory.report.exit_code
    assert local.summary.books_balance
    assert len(pipeline.runs(settings_for(tmp_path / "local", 4_000))) == 1


def test_a_limited_run_is_gone_on_with_and_sends_nothing_twice(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(written(made(Chance(10), 150)), encoding="utf-8")
    settings = settings_for(tmp_path, 4_000, limit=20)
    first = pipeline.run([str(path)], settings, sandbox=True, watch=_Yes())
    assert first.report.exit_code == 3
    assert first.summary.outcomes["accepted"] <= 20
    assert "resume" in first.report.resume_command
    flags = {"ledger": settings.ledger}
    second = pipeline.resume(None, flags, config=None, watch=_Yes())
    whole = pipeline.check([str(path)], settings_for(tmp_path / "memory", 1_024, engine="memory"))
    ready = whole.summary.outcomes["not_sent"]
    assert second.summary.outcomes["accepted"] + second.summary.outcomes["failed"] == ready
    assert second.summary.books_balance


def dies_once(mark: str) -> int:
    """Kill the worker that takes this step first."""
    path = Path(mark)
    if not path.exists():
        path.write_text(str(get_worker().address), encoding="utf-8")
        os.kill(os.getpid(), signal.SIGKILL)
    return 7


def always_dies(_: int) -> int:
    """Kill whichever worker takes this step."""
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def test_a_step_whose_worker_is_killed_is_taken_by_another(tmp_path: Path, scheduler: str) -> None:
    engine = open_engine(scheduler)
    try:
        assert list(engine.each(dies_once, [str(tmp_path / "died")])) == [7]
    finally:
        engine.close()
    assert (tmp_path / "died").exists()


def test_a_step_that_kills_every_worker_ends_in_a_sentence(scheduler: str) -> None:
    engine = open_engine(scheduler)
    try:
        with pytest.raises(StoppedError, match="--partition-size"):
            list(engine.each(always_dies, [1]))
    finally:
        engine.close()
    with Client(scheduler, set_as_default=False) as client:  # type: ignore[no-untyped-call]
        client.wait_for_workers(2, timeout=120)


def test_a_scheduler_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bulk_referrals.engine.cluster._REACHED_WITHIN_S", 1)
    with pytest.raises(UsageError, match="cannot be reached"):
        open_engine("tcp://127.0.0.1:9")


def test_a_scheduler_that_is_lost_ends_in_a_sentence_that_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bulk_referrals.engine.cluster._REACHED_WITHIN_S", 20)
    where = tmp_path / "scheduler.json"
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1",
               "--port", "0", "--no-dashboard", "--scheduler-file", str(where)]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as lost:
        deadline = time.monotonic() + 120
        while not where.exists() or not where.read_text("utf-8"):
            assert time.monotonic() < deadline, "the scheduler did not start"
            time.sleep(0.05)
        engine = open_engine(json.loads(where.read_text("utf-8"))["address"])
        try:
            results = engine.each(abs, [-1])  # and no worker takes it
            with ThreadPoolExecutor() as pool:
                first = pool.submit(next, results)
                time.sleep(0.5)  # the task is on its way to the scheduler
                lost.kill()
                with pytest.raises(StoppedError, match="resume"):
                    first.result(timeout=120)
        finally:
            engine.close()


def test_a_missing_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "bulk_referrals.engine.cluster", raising=False)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"bulk-referrals\[dask\]"):
        open_engine("tcp://127.0.0.1:9")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"scheduler": ""}, "--scheduler"),
        ({"scheduler": "tcp://127.0.0.1:9"}, "on PostgreSQL"),
    ],
)
def test_what_a_cluster_needs_is_asked_for_before_any_work(
    tmp_path: Path, more: dict[str, str], told: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(written(made(Chance(11), 5)), encoding="utf-8")
    settings = settings_for(tmp_path, 4_000, engine="dask", host="http://127.0.0.1:1",
                            username="u", password="p", **more)  # fmt: skip
    if not more["scheduler"]:
        with pytest.raises(UsageError, match=told):
            pipeline.check([str(path)], settings)
        return
    with pytest.raises(UsageError, match=told):
        pipeline.run([str(path)], settings, sandbox=False, watch=_Yes())


def test_a_folder_that_is_gone_is_told_and_nothing_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(written(made(Chance(12), 60)), encoding="utf-8")
    settings = settings_for(tmp_path, 2_000, limit=3)
    stopped = pipeline.run([str(path)], settings, sandbox=True, watch=_Yes())
    Spool(settings.work / stopped.report.run_id).remove()
    with pytest.raises(UsageError, match="Run its files again"):
        pipeline.resume(None, {"ledger": settings.ledger}, config=None, watch=_Yes())
