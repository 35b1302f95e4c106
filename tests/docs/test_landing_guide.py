"""The guide on where exports land says what is so."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command

from bulk_referrals.cli import app
from bulk_referrals.config import Settings, load_settings
from bulk_referrals.landing.address import KINDS, parse

GUIDE = (Path(__file__).parents[2] / "docs" / "landing.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads(
    (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
)["project"]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def test_the_settings_in_it_are_settings(tmp_path: Path) -> None:
    (example,) = blocks("toml")
    file = tmp_path / "nightly.toml"
    file.write_text(example, encoding="utf-8")
    got = load_settings(file, {})
    assert (got.new_only, got.unchanged_for_s, got.afterwards) == (True, 60, "move")
    usual = Settings.model_construct()
    for name in ("done_folder", "failed_folder", "remote_timeout", "known_hosts"):
        assert getattr(got, name) == getattr(usual, name)


@pytest.mark.parametrize(
    "line", [line for block in blocks("sh") for line in block.splitlines() if "referrals" in line]
)
def test_every_command_in_it_can_be_given(line: str) -> None:
    program, name, *words = shlex.split(line, comments=True)
    assert program == "bulk-referrals"
    command = get_command(app).commands[name]  # type: ignore[attr-defined]  # it is a group
    assert command.make_context(name, words).params["files"]


def test_every_address_and_extra_in_it_is_one() -> None:
    rows = re.findall(r"^\| `(\w+://[^`]+)` \| .* \| `(\w+)` \|$", GUIDE, re.MULTILINE)
    shown = {address.partition("://")[0]: extra for address, extra in rows}
    assert shown == {name: KINDS[name].extra for name in ("s3", "sftp", "gs", "abfs")}
    assert set(shown.values()) <= set(PROJECT["optional-dependencies"])
    for address, _ in rows:
        parse(address.replace(":port", ":22"))
