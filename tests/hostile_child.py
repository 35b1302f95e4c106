"""Stands in for the process that reads a workbook, and behaves as the first wanted sheet says."""

import json
import os
import sys
import time
from typing import Any

MUCH = 80 << 20


def tell(**told: Any) -> None:
    json.dump(told, sys.stdout)


def sheet(length: int, **more: Any) -> dict[str, Any]:
    return {"name": "S", "visible": True, "layout": {}, "lengths": [length, length], **more}


def flood(stream: Any) -> None:
    for _ in range(MUCH >> 20):
        stream.write("x" * (1 << 20))


def main() -> None:  # noqa: C901, PLR0912 - a table of behaviours
    asked = json.load(sys.stdin)
    behaviour = "extent" if asked["task"] == "extent" else asked["wanted"][0]
    rows = os.fdopen(asked["rows"], "wb")
    match behaviour:
        case "aborts":
            os.abort()
        case "is killed":
            os.kill(os.getpid(), 9)
        case "spins":
            while True:
                pass
        case "hangs":
            time.sleep(3600)
        case "fails":
            sys.exit(1)
        case "says nothing":
            pass
        case "says garbage":
            sys.stdout.write("\0\1garbage")
        case "says another thing":
            tell(sheets=17)
        case "nests deeply":
            sys.stdout.write("[" * 100_000)
        case "floods stdout":
            flood(sys.stdout)
        case "floods stderr":
            flood(sys.stderr)
        case "lies about lengths":
            tell(sheets=[sheet(1 << 40)])
        case "writes garbage":
            rows.write(b"\xff" * 4096)
            tell(sheets=[sheet(2048)])
        case _:
            tell()


if __name__ == "__main__":
    main()
