"""The pages as a whole: what is generated is fresh, and what they tell people to type is there."""

import re
import shlex
from pathlib import Path
from typing import Any, Final

import guarding
import make_codes
import make_columns
import pytest
import typer
import yaml

from bulk_referrals.cli import app
from bulk_referrals.codes import CODES
from bulk_referrals.config import Settings
from bulk_referrals.layering import ENV_PREFIX
from bulk_referrals.loader.headers import SYNONYMS, key
from bulk_referrals.model import Outcome

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = {
    **{path.name: path.read_text("utf-8") for path in sorted((ROOT / "docs").glob("*.md"))},
    **{name: (ROOT / name).read_text("utf-8") for name in ("README.md", "SECURITY.md")},
}
CONFIG: Final = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
STALE: Final = "it is stale: run python docs/"


def shell_blocks(page: str) -> list[str]:
    return re.findall(r"^ *```sh\n(.*?)^ *```$", page, re.DOTALL | re.MULTILINE)


def given(words: list[str]) -> list[str]:
    """Return the words after `bulk-referrals`; none where it is not what these words start."""
    while words and re.fullmatch(r"sudo|[A-Z_]+=.*", words[0]):
        words = words[1:]
    return words[1:] if words and words[0].rpartition("/")[2] == "bulk-referrals" else []


def invocations() -> list[tuple[str, tuple[str, ...]]]:
    """Page and words of every command in a shell block or, from its program's name on, in text."""
    found = []
    for name, page in PAGES.items():
        lines = [line for block in shell_blocks(page) for line in re.split(r"\n|&&", block)]
        prose = re.sub(r"```.*?```", "", page, flags=re.DOTALL)
        lines += re.findall(r"`(bulk-referrals [^`]+)`", prose)
        parted = [given(shlex.split(line, comments=True)) for line in lines]
        found += [(name, tuple(words)) for words in parted if words]
    return found


def parse(words: tuple[str, ...]) -> None:
    """Parse a command as it would be, without running it."""
    command: Any = typer.main.get_command(app)
    context: Any = typer.Context(command)
    while inner := vars(command).get("commands"):
        command, words = inner[words[0]], words[1:]
    if words:  # a command's bare name in a sentence is not meant to be typed
        command.make_context(command.name, list(words), parent=context)


def named_pages(nav: list[Any]) -> list[str]:
    """Return the pages of a navigation, in order."""
    pages: list[str] = []
    for entry in nav:
        for leads_to in entry.values():
            pages += named_pages(leads_to) if isinstance(leads_to, list) else [leads_to]
    return pages


def test_there_is_something_to_hold_the_pages_to() -> None:
    assert len(invocations()) > 50
    assert {name for name, _ in invocations()} >= {"index.md", "input.md", "launch.md"}


@pytest.mark.parametrize(
    ("page", "words"), invocations(), ids=lambda it: it if isinstance(it, str) else " ".join(it)
)
def test_a_command_that_a_page_shows_can_be_given(page: str, words: tuple[str, ...]) -> None:
    try:
        parse(words)
    except (KeyError, typer.Exit) as error:
        pytest.fail(f"{page}: bulk-referrals {shlex.join(words)}: {error!r}")


def test_a_command_that_there_is_not_is_noticed() -> None:
    with pytest.raises(KeyError):
        parse(("send", "launch.xlsx"))
    with pytest.raises(Exception, match="No such option: --canari"):
        parse(("run", "launch.xlsx", "--canari", "10"))


@pytest.mark.parametrize("page", PAGES)
def test_a_variable_that_a_page_names_is_a_setting(page: str) -> None:
    named = set(re.findall(rf"\b{ENV_PREFIX}([A-Z][A-Z_]*)\b", PAGES[page]))
    assert {each.lower() for each in named} - set(Settings.model_fields) == set()


def test_every_page_stands_in_the_navigation_once() -> None:
    listed = named_pages(CONFIG["nav"])
    assert sorted(listed) == sorted(path.name for path in (ROOT / "docs").glob("*.md"))


def test_a_page_asks_the_network_for_nothing() -> None:
    assert CONFIG["theme"]["font"] is False
    assert not {"repo_url", "extra_javascript"} & set(CONFIG)  # the first asks GitHub for stars
    assert all("://" not in style for style in CONFIG["extra_css"])
    assert "docs/guarding.py" in CONFIG["hooks"]


def test_every_kind_of_broken_link_ends_the_build() -> None:
    for kind in ("nav", "links"):
        assert set(CONFIG["validation"][kind].values()) == {"warn"}
    assert set(CONFIG["validation"]["links"]) >= {"not_found", "anchors", "unrecognized_links"}
    (build,) = re.findall(r"mkdocs build .*", (ROOT / "Makefile").read_text("utf-8"))
    assert build == "mkdocs build --strict"  # with --quiet, it would count no warning


def test_the_page_of_codes_is_what_the_reports_say() -> None:
    assert make_codes.PAGE.read_text("utf-8") == make_codes.page(), f"{STALE}make_codes.py"


def test_every_code_and_outcome_stands_on_its_page() -> None:
    shown = re.findall(r"^\| `([\w-]+)` \|", make_codes.page(), re.MULTILINE)
    assert shown == list(CODES)
    told = re.findall(r"^\| [A-Z][\w ]+ \| `(\w+)` \|", make_codes.page(), re.MULTILINE)
    assert sorted(told) == sorted(Outcome)


def test_the_names_of_columns_are_those_that_the_loader_knows() -> None:
    page = PAGES["input.md"]
    assert page.count(make_columns.BEGIN) == page.count(make_columns.END) == 1
    assert make_columns.written(page) == page, f"{STALE}make_columns.py"


def test_a_name_written_apart_is_understood() -> None:
    for field, names in re.findall(r"^\| `(\w+)` \| (.+) \|$", make_columns.names(), re.MULTILINE):
        assert {SYNONYMS.get(key(name)) for name in names.split(", ")} == {field}


def test_the_quick_start_is_the_readmes() -> None:
    (first, *_) = shell_blocks(PAGES["index.md"])
    (readme,) = re.findall(r"<!-- ci: try -->\n```sh\n(.*?)```", PAGES["README.md"], re.DOTALL)
    assert first.splitlines() == readme.strip().split(" && ")


class Page:
    """What the guard needs of MkDocs' page."""

    class file:  # noqa: N801 - MkDocs' name
        src_path = "a.md"


@pytest.mark.parametrize(
    ("output", "warned"),
    [
        ('<script src="https://unpkg.com/x.js"></script>', ["a.md fetches https://unpkg.com/x.js"]),
        ('<link rel="stylesheet" href="//fonts.example.com/a.css">',
         ["a.md fetches //fonts.example.com/a.css"]),
        ('<a href="https://example.com"></a><img src="images/report.png">', []),
    ],
)  # fmt: skip
def test_what_a_page_would_fetch_from_elsewhere_is_said(
    output: str, warned: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    guarding.on_post_page(output, Page)
    assert caplog.messages == warned


@pytest.mark.parametrize(
    ("html", "warned"),
    [
        ("<p>So:\n- one\n- two</p>", 1),
        ("<p><strong>So.</strong>\n1. one</p>", 1),
        ("<p>So:</p>\n<ul>\n<li>one</li></ul><p>ten\n-ish</p>", 0),
    ],
)
def test_a_list_that_would_not_be_shown_as_one_is_said(
    html: str, warned: int, caplog: pytest.LogCaptureFixture
) -> None:
    guarding.on_page_content(html, Page)
    assert len(caplog.messages) == warned
