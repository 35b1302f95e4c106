"""A file is there whole or not at all, and only its owner reads it."""

import stat
from pathlib import Path

import pytest

from bulk_referrals.reporter.files import private_folder, replacing


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_takes_the_place_of_the_old_one_only_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(0o644)
    with replacing(path) as lent:
        lent.write_text("new")
        assert path.read_text() == "old"
        assert mode(lent) == 0o600
    assert path.read_text() == "new"
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_what_stood_there_stays_when_the_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as lent:
        lent.write_text(f"half {1 / 0}")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_made_with_its_parents_for_its_owner_only(tmp_path: Path) -> None:
    folder = private_folder(tmp_path / "reports" / "run")
    assert mode(folder) == 0o700
    assert private_folder(folder) == folder
