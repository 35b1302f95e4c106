"""The configuration reference and the API's keywords say what the settings say."""

import re
import tomllib
from pathlib import Path
from typing import get_type_hints

import pytest
from make_reference import KEYWORDS, REFERENCE, keywords, reference

from bulk_referrals.api.keywords import Keywords
from bulk_referrals.config import Settings, load_settings

STALE = "it is stale: run python docs/make_reference.py"


def test_the_reference_is_what_the_settings_say() -> None:
    assert REFERENCE.read_text(encoding="utf-8") == reference(), STALE


def test_the_keywords_are_what_the_settings_say() -> None:
    assert KEYWORDS.read_text(encoding="utf-8") == keywords(), STALE


def test_every_setting_has_its_line_and_its_keyword() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", reference(), re.MULTILINE)
    assert listed == list(Settings.model_fields)
    assert set(get_type_hints(Keywords)) == set(Settings.model_fields) - {"config"}


def test_flags_and_defaults_stand_beside_their_settings() -> None:
    lines = dict(re.findall(r"^\| `(\w+)` (\|.*)$", reference(), re.MULTILINE))
    assert "| rate |" in lines["rate"]
    assert '`"300/min"` | `--rate` |' in lines["rate"]
    assert '`"4GiB"` | `--max-memory`' in lines["max_memory"]
    assert "| `--day-first / --month-first` |" in lines["day_first"]
    assert "| text | | |" in lines["password"]


def test_the_example_of_a_file_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BULK_REFERRALS_PROFILE", raising=False)
    (example,) = re.findall(r"```toml\n(.*?)```", reference(), re.DOTALL)
    file = tmp_path / "settings.toml"
    file.write_text(example, encoding="utf-8")
    for profile in tomllib.loads(example)["profiles"]:
        assert load_settings(file, {"profile": profile}).region == "IN"
