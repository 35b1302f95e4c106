"""The page on Python: its examples are real files, which run against the stand-in."""

import os
import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest

from bulk_referrals import errors
from bulk_referrals.sandbox import Sandbox, SandboxOptions

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "python-api.md").read_text(encoding="utf-8")
EXAMPLES = sorted((ROOT / "docs" / "examples" / "python").glob("*.py"))
ROWS = """referrer_mobile,identifier,name,invited_on,referral_code
+919876000001,+919700000001,Asha,2026-01-02 10:00,pV7BF
+919876000002,+919700000002,Ravi,2026-01-02 10:00,pV7BG
+919876000003,98-76,Mina,2026-01-02 10:00,pV7BH
"""
SAID = {
    "check_first.py": ("2 are ready to send", "row 4: "),
    "send.py": ("2 of 2 rows", "accepted: 2", "rejected: 1"),
    "go_on.py": ("2 were accepted",),
    "in_asyncio.py": ("2 were accepted",),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions()) as started:
        yield started


def test_every_block_of_the_page_is_one_of_the_examples() -> None:
    marked = re.findall(r"<!-- (\S+) -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(marked) == PAGE.count("```python") == len(EXAMPLES)
    assert dict(marked) == {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in EXAMPLES
    }


def test_every_error_that_the_page_names_is_there() -> None:
    named = re.findall(r"`(\w+Error)`", PAGE)
    assert len(set(named)) == 6
    assert [name for name in named if not hasattr(errors, name)] == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_does_what_it_says(
    path: Path,
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sandbox.reset()
    for name in [each for each in os.environ if each.startswith("BULK_REFERRALS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BULK_REFERRALS_HOST", sandbox.url)
    monkeypatch.setenv("BULK_REFERRALS_USERNAME", "store123")
    monkeypatch.setenv("BULK_REFERRALS_PASSWORD", "Pass123")
    monkeypatch.chdir(tmp_path)
    Path("launch.csv").write_text(ROWS, encoding="utf-8")
    runpy.run_path(str(path), run_name="__main__")
    said = capsys.readouterr().out
    for words in SAID[path.name]:
        assert words in said
    assert len(sandbox.invites()) == (0 if path.name == "check_first.py" else 2)
