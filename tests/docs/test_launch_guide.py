"""The guide to a launch: its commands are run as they stand, one after another."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from openpyxl import Workbook, load_workbook

from bulk_referrals.config import load_settings
from bulk_referrals.sandbox import Sandbox, SandboxOptions

GUIDE: Final = (Path(__file__).parents[2] / "docs" / "launch.md").read_text(encoding="utf-8")
RUN_ID: Final = "20261123T183000-7f3a"  # the guide's example
# What each command of the guide must exit with: the workbook has a row to correct, and `--limit`
# leaves rows to send.
EXIT_CODES: Final = {
    "config check": 0,
    "check launch.xlsx": 1,
    "run launch.xlsx": 3,
    "runs": 0,
    "verify": 0,
    "resume": 1,
    "run reports": 0,
    "report": 1,
}
HEADER: Final = ("Referrer mobile", "Friend's phone", "Name", "Referral code")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def commands() -> list[str]:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line.startswith("bulk-referrals ")]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions()) as started:
        yield started


def write_launch(folder: Path, sandbox: Sandbox) -> None:
    """Write what the guide's reader has: the workbook, the settings, and whom not to invite."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.append(HEADER)
    for number in range(4):
        sheet.append((f"+91987600000{number}", f"+91970000000{number}", "Asha", f"pV7B{number}"))
    sheet.append(("+919876000008", "98-76", "Mina", "pV7B8"))
    sheet.append(("+919876000009", "+919700000009", "Ravi", "pV7B9"))
    book.save(folder / "launch.xlsx")
    (folder / "do_not_contact.csv").write_text("contact\n+919700000009\n", encoding="utf-8")
    (settings,) = blocks("toml")
    here = settings.replace('cluster = "apac"', f'host = "{sandbox.url}"\ntimezone = "UTC"\n'
                            'cluster_timezone = "UTC"')  # fmt: skip
    assert here != settings
    (folder / "launch.toml").write_text(here, encoding="utf-8")


def correct(to_fix: Path) -> None:
    """Do what the report asks a person to do."""
    book = load_workbook(to_fix)
    (sheet,) = book.worksheets
    place = next(cell.column for cell in sheet[1] if cell.value == "Friend's phone")
    assert sheet.cell(2, place).value == "98-76"
    sheet.cell(2, place).value = "+919700000008"
    book.save(to_fix)


def latest_run(folder: Path) -> str:
    runs = [path.parent.name for path in folder.glob("reports/*/run.json")]
    return max(runs, default="")


def test_the_settings_of_the_guide_are_settings(tmp_path: Path) -> None:
    (settings,) = blocks("toml")
    file = tmp_path / "launch.toml"
    file.write_text(settings, encoding="utf-8")
    assert load_settings(file, {}).max_failures == 20


def test_the_guide_leads_from_a_workbook_to_invites(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.reset()
    write_launch(tmp_path, sandbox)
    kept = {name: value for name, value in os.environ.items() if "BULK_REFERRALS" not in name}
    environment = {**kept, "BULK_REFERRALS_USERNAME": "store123",
                   "BULK_REFERRALS_PASSWORD": "Pass123"}  # fmt: skip
    sent, run_id, told = [], "", dict.fromkeys(EXIT_CODES, -1)
    for line in commands():
        words = shlex.split(line.replace(RUN_ID, run_id))[1:]
        asked = {"run", "resume"} & {words[0]}
        if "to_fix.xlsx" in line:
            correct(tmp_path / words[1])
        ended = subprocess.run(
            [sys.executable, "-m", "bulk_referrals", *words, *(["--yes"] if asked else [])],
            cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        name = next(each for each in EXIT_CODES if " ".join(words).startswith(each))
        assert ended.returncode == EXIT_CODES[name], f"{line}\n{ended.stderr}"
        told[name] = ended.returncode
        sent.append(len(sandbox.invites()))
        if line.startswith("bulk-referrals run launch.xlsx"):
            run_id = latest_run(tmp_path)
    assert told == EXIT_CODES
    # config check, check, run --limit 2, runs, verify, resume, run to_fix, report
    assert sent == [0, 0, 2, 2, 2, 4, 5, 5]
