"""What the README says is so."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from bulk_referrals.cli import app
from bulk_referrals.model import FIELDS, Outcome

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = (
    "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "sample_data/README.md", "docs/report.md",
    "docs/configuration.md", "docs/python-api.md",
)  # fmt: skip


def table(first_heading: str) -> dict[str, str]:
    """First column -> second column of the table whose header begins so."""
    lines = README[README.index(f"| {first_heading} |") :].split("\n\n", 1)[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    return {cells[0]: cells[1] for cells in rows}


def test_the_table_of_outcomes_names_each_outcome_once_in_order() -> None:
    assert [name.strip("`") for name in table("outcome")] == [each.value for each in Outcome]


def test_every_field_has_its_place_in_the_table_of_columns() -> None:
    named = re.findall(r"`(\w+)`", " ".join((*table("column").keys(), *table("column").values())))
    assert sorted(named) == sorted(FIELDS)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = [each for each in re.findall(r"\]\(([^)]+)\)", text) if "://" not in each]
    folder = (ROOT / page).parent
    assert [each for each in targets if not (folder / each).exists()] == []


@pytest.mark.parametrize("name", ["try", "test"])
def test_the_commands_that_ci_runs_are_one_line_each(name: str) -> None:
    (block,) = re.findall(rf"<!-- ci: {name} -->\n```sh\n(.*?)\n```", README, re.DOTALL)
    assert "\n" not in block
    assert shlex.split(block)


def commands() -> dict[str, Any]:
    return dict(typer.main.get_group(app).commands)


def invocations() -> list[list[str]]:
    """The words after `bulk-referrals`, of every command in a code block or in the text."""
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    inline = re.findall(r"`(bulk-referrals [^`]+)`", README)
    lines = [line for block in blocks for line in re.split(r"\n|&&", block)] + inline
    found = [shlex.split(line) for line in lines if "bulk-referrals " in line]
    assert len(found) >= 5
    return [words[1:] for words in found]


@pytest.mark.parametrize("words", invocations(), ids=" ".join)
def test_a_command_in_the_readme_is_one_that_there_is(words: list[str]) -> None:
    known, at = commands(), 0
    while inner := vars(known[words[at]]).get("commands"):  # a group, such as `config`
        known, at = inner, at + 1
    known[words[at]].make_context(words[at], words[at + 1 :])


def test_flags_named_in_the_text_are_flags_of_run() -> None:
    known = {flag for option in commands()["run"].params for flag in option.opts}
    named = set(re.findall(r"`(--[a-z-]+)", README))
    assert named <= known


def test_the_exit_codes_are_those_that_the_help_tells() -> None:
    told = re.findall(r"\b(\d+) [a-z]", app.info.epilog or "")
    assert list(table("exit code")) == told
