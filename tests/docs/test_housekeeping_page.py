"""What the page on housekeeping says is so."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from bulk_referrals.cli import app
from bulk_referrals.client import READ_BACK_LIMIT
from bulk_referrals.ledger import CODES, INVITES, InviteState
from bulk_referrals.ledger.keyfile import FORMAT, VERSION
from bulk_referrals.pipeline.verifying import Shown

PAGE = (Path(__file__).parents[2] / "docs" / "housekeeping.md").read_text(encoding="utf-8")


def invocations() -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("words", invocations(), ids=" ".join)
def test_its_commands_are_ones_that_there_are(words: list[str]) -> None:
    command = typer.main.get_group(app).commands[words[1]]
    command.make_context(words[1], words[2:])


def test_its_flags_are_flags_of_these_commands() -> None:
    commands = typer.main.get_group(app).commands
    named = set(re.findall(r"`(--[a-z-]+)", PAGE))
    known = {
        flag
        for name in ("verify", "prune", "export", "import", "run")
        for option in commands[name].params
        for flag in option.opts
    }
    assert named <= known


def test_every_verdict_is_explained() -> None:
    first, *told = re.findall(r"^\| `(\w+)` \| .* \| .* \|$", PAGE, re.MULTILINE)
    assert first == "platform"
    assert told == [str(it) for it in Shown]


def test_the_limit_of_a_list_is_the_one_that_is_asked_for() -> None:
    assert f"{READ_BACK_LIMIT:,} invitees are asked for" in PAGE


def test_the_format_of_an_export_is_the_one_that_is_written() -> None:
    assert f"format `{FORMAT}`, version {VERSION}" in PAGE
    for name in {*INVITES.names, *CODES.names}:
        assert f"`{name}`" in PAGE
    for state in InviteState:
        assert f"{state:d} {state.name.lower().replace('_', ' ')}" in PAGE
