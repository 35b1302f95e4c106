"""Sends the ready rows as people do with a Postman collection: newman, a CSV, one invitee each."""

import csv
import hashlib
import json
import shutil
import subprocess
import tempfile
import time
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bulk_referrals.client import REFERRALS_PATH
from bulk_referrals.sandbox import Sandbox

_SECRET: Final = hashlib.md5(b"Pass123", usedforsecurity=False).hexdigest()
TILL: Final = "Basic " + b64encode(f"store123:{_SECRET}".encode()).decode()
_BODY: Final = (
    '{"root":{"customer":[{"mobile":"{{referrer}}","referrals":{"campaign_token":"{{token}}",'
    '"referral_type":{"type":"{{type}}","referral":[{"id":"","invited_on":"{{invited_on}}",'
    '"name":"{{name}}","identifier":"{{identifier}}"}]}}}]}}'
)
COLUMNS: Final = ("referrer", "token", "type", "identifier", "name", "invited_on")


def invitees_per_s(rows: Sequence[Sequence[str]], *, longest_s: float) -> tuple[float, str] | None:
    """Return how many invitees a second newman sends to the stand-in, and its version.

    Args:
        rows: `COLUMNS` of each.
        longest_s: to install it, and to send.

    Returns:
        None where npm is missing, or cannot install newman.
    """
    npm = shutil.which("npm")
    if npm is None:
        return None
    with tempfile.TemporaryDirectory() as folder, Sandbox() as sandbox:
        installed = subprocess.run(
            [
                npm,
                "install",
                "--silent",
                "--no-audit",
                "--no-fund",
                "--prefix",
                folder,
                "newman@6",
            ],
            check=False,
            timeout=longest_s,
            capture_output=True,
        )
        if installed.returncode:
            return None
        command = _prepared(Path(folder), rows, sandbox.url + REFERRALS_PATH)
        began = time.perf_counter()
        subprocess.run(command, check=True, timeout=longest_s, stdout=subprocess.DEVNULL)
        wall_s = time.perf_counter() - began
        accepted = len(sandbox.invites())
        if accepted != len(rows):
            raise RuntimeError(f"newman sent {accepted} of {len(rows)}")  # noqa: EM102, TRY003 - a developer's
        manifest = Path(folder, "node_modules", "newman", "package.json").read_text("utf-8")
        return accepted / wall_s, json.loads(manifest)["version"]


def _prepared(folder: Path, rows: Sequence[Sequence[str]], url: str) -> list[str]:
    with (folder / "rows.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    request = {
        "method": "POST",
        "header": [
            {"key": "Authorization", "value": TILL},
            {"key": "Content-Type", "value": "application/json"},
            {"key": "Accept", "value": "application/json"},
        ],
        "url": url,
        "body": {"mode": "raw", "raw": _BODY},
    }
    schema = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
    collection = {
        "info": {"name": "Refer", "schema": schema},
        "item": [{"name": "Refer", "request": request}],
    }
    (folder / "collection.json").write_text(json.dumps(collection), "utf-8")
    newman = folder / "node_modules" / ".bin" / "newman"
    files = (str(folder / "collection.json"), "-d", str(folder / "rows.csv"))
    return [str(newman), "run", *files, "--silent"]
