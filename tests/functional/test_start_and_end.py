"""How the process starts and ends: with no more than it needs, and with nothing lost."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bulk_referrals.pipeline import ahead

COMMAND = (sys.executable, "-m", "bulk_referrals")
ROWS = "referrer_mobile,campaign_token,identifier,invited_on,referral_code\n" + "".join(
    f"9198765432{n:02},J0H7Q,9198123456{n:02},2024-09-10,pV7BF\n" for n in range(60)
)
# What a check of a text file does without: clients, readers and writers of workbooks, databases.
NOT_NEEDED = {
    "aiohttp",
    "bulk_referrals.client",
    "bulk_referrals.pipeline.sitting",
    "bulk_referrals.workbooks.isolated",
    "charset_normalizer",
    "fastexcel",
    "httpx",
    "keyring",
    "openpyxl",
    "psycopg",
    "python_calamine",
    "rich",
    "sqlite3",
    "tqdm",
    "uvicorn",
}


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text(ROWS, "utf-8")
    return "rows.csv"


def test_all_that_is_written_arrives_before_the_process_leaves(rows: str) -> None:
    done = subprocess.run([*COMMAND, "check", rows, "--json"], capture_output=True, check=False)
    told = json.loads(done.stdout)
    assert (done.returncode, told["exit_code"]) == (0, 0)
    assert told["outcomes"]["not_sent"] == 60
    assert b"60 invites" in done.stderr
    for path in told["outputs"].values():
        assert Path(path).stat().st_size


@pytest.mark.parametrize(
    ("words", "code"),
    [(["--version"], 0), (["check", "none.csv"], 2), (["runs", "--no-such-flag"], 2)],
)
def test_the_exit_code_is_the_commands_own(rows: str, words: list[str], code: int) -> None:
    assert rows
    assert subprocess.run([*COMMAND, *words], capture_output=True, check=False).returncode == code


def test_rows_at_fault_end_with_1(rows: str) -> None:
    Path(rows).write_text(ROWS.replace("919812345600", "98-76"), "utf-8")
    assert subprocess.run([*COMMAND, "check", rows, "--quiet"], check=False).returncode == 1


def test_a_reader_that_has_gone_is_no_success(rows: str) -> None:
    reading = subprocess.Popen(
        [*COMMAND, "check", rows, "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert reading.stdout is not None
    reading.stdout.close()
    assert reading.wait(120) != 0


def test_closed_streams_are_no_fault(rows: str) -> None:
    command = 'exec "$@" >&- 2>&-'
    done = subprocess.run(
        ["sh", "-c", command, "sh", *COMMAND, "check", rows, "--quiet"], check=False
    )
    assert done.returncode == 0


def test_a_check_imports_no_client_no_database_and_no_reader_of_workbooks(rows: str) -> None:
    script = (
        "import sys\nfrom bulk_referrals.cli import main\n"
        f"sys.argv = ['bulk-referrals', 'check', {rows!r}, '--quiet']\n"
        "try:\n    main()\nexcept SystemExit as ended:\n    assert not ended.code\n"
        f"sys.exit(' '.join({NOT_NEEDED!r} & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_check_as_a_process_does_without_pandas(rows: str) -> None:
    words = (sys.executable, "-X", "importtime", *COMMAND[1:], "check", rows, "--quiet")
    done = subprocess.run(words, capture_output=True, check=True, text=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert {"pyarrow", "xlsxwriter.workbook"} <= imported
    assert not [name for name in imported if name.startswith("pandas.")]


def test_whoever_asks_for_pandas_once_the_work_has_begun_gets_it() -> None:
    script = (
        "import sys\nfrom bulk_referrals.__main__ import _ArrowAlone\n"
        "alone = _ArrowAlone()\nsys.meta_path.insert(0, alone)\n"
        "import bulk_referrals.pipeline, pyarrow as pa\n"
        "assert 'pandas' not in sys.modules and alone not in sys.meta_path\n"
        "frame = pa.table({'a': ['x', None]}).to_pandas()\n"
        "import pandas as pd\nassert isinstance(frame, pd.DataFrame)\n"
        "assert pa.array(pd.Series(['x', None])).to_pylist() == ['x', None]\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_what_is_imported_ahead_is_there() -> None:
    for name in ahead._NEEDED_LATER:
        assert importlib.import_module(name)


def test_a_fault_in_what_is_imported_ahead_is_told_where_it_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ahead, "_NEEDED_LATER", ("no_such_module_at_all",))
    ahead._import()
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("no_such_module_at_all")
