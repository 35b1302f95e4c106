"""What all tests share: a test that needs a program is skipped without it, but never in CI."""

import os
import shutil

import pytest

# Marker -> the names under which its program may be found.
PROGRAMS = {
    "office": ("soffice", "libreoffice"),
    "browser": ("chromium", "chromium-browser", "google-chrome"),
}


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, names in PROGRAMS.items():
        if item.get_closest_marker(marker) is None or any(map(shutil.which, names)):
            continue
        absent = f"needs {names[0]}, which is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{absent}; in CI it must be", pytrace=False)
        pytest.skip(absent)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    # An archive's bytes hold the time at which they were made: as part of a test's name they
    # would differ between the processes that share the tests out.
    return argname if isinstance(val, bytes) else None
