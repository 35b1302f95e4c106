"""The process that reads one workbook: `python -m bulk_referrals.workbooks.child`.

It is asked in JSON on standard input, answers in JSON on standard output, and writes cells as
Arrow streams into a file that it was lent. It bounds itself before it looks at the workbook; its
parent bounds it once more, by the clock, and expects it to die.
"""

import json
import os
import signal
import sys
from contextlib import suppress
from typing import Any, Final

# It ends itself, too, should its parent be gone by then.
_GRACE_S: Final = 5


def main() -> None:
    """Answer one question about one workbook."""
    asked = json.load(sys.stdin)
    _limit(asked["memory_bytes"], asked["time_s"])
    json.dump(_answer(asked), sys.stdout)


def _limit(memory_bytes: int, time_s: float) -> None:
    import resource  # noqa: PLC0415 - there is none on Windows, where this ends in a sentence

    seconds = int(time_s) + _GRACE_S
    bounds = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_FSIZE: memory_bytes,
        resource.RLIMIT_CPU: seconds * (os.cpu_count() or 1),
        resource.RLIMIT_CORE: 0,  # a core dump would hold contacts
    }
    for which, bound in bounds.items():
        with suppress(ValueError, OSError):  # a lower one holds already, or macOS has no such
            resource.setrlimit(which, (bound, bound))
    signal.alarm(seconds)


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    # pyarrow does without numpy where there is none, and starts in half the time.
    sys.modules["numpy"] = None  # type: ignore[assignment]
    from bulk_referrals.workbooks import reading  # noqa: PLC0415 - after the limits

    try:
        with os.fdopen(asked["content"], "rb") as lent:
            content = lent.read()
        with os.fdopen(asked["rows"], "wb") as rows:
            return reading.TASKS[asked["task"]](content, asked, rows)
    except MemoryError:
        return {"refused": "memory"}
    except BaseException:  # noqa: BLE001 - Rust panics are no `Exception`
        return {"refused": "damaged"}


if __name__ == "__main__":
    main()
