"""The command line in this process, as the console script starts it."""

import io
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bulk_referrals.cli import main

CREDENTIALS = {"BULK_REFERRALS_USERNAME": "store123", "BULK_REFERRALS_PASSWORD": "Pass123"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def result(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.out)
        return read


class CommandLine:
    """Runs commands in a folder of its own, with no settings but credentials, and no terminal."""

    def __init__(self, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self._patch, self._capture = patch, capture
        for name in os.environ:
            if name.startswith("BULK_REFERRALS_"):
                patch.delenv(name)
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)

    def __call__(self, *words: str | Path, answer: str | None = None) -> Ended:
        """Run one command; `answer` is what a person at a terminal types."""
        stdin = io.TextIOWrapper(io.BytesIO((answer or "").encode()))
        if answer is not None:
            self._patch.setattr(stdin, "isatty", lambda: True, raising=False)
        self._patch.setattr(sys, "stdin", stdin)
        self._patch.setattr(sys, "argv", ["bulk-referrals", *map(str, words)])
        self._capture.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self._capture.readouterr()
        code = ended.value.code
        assert "Traceback" not in out + err
        return Ended(code=code if isinstance(code, int) else 0, out=out, err=err)
