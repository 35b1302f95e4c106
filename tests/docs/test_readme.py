"""What the README says is so."""

import re
import shlex
from pathlib import Path

import pytest

from bulk_referrals.model import FIELDS, Outcome

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "sample_data/README.md")


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
