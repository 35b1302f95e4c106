"""The process that reads one workbook or Parquet file: `python -m bulk_referrals.workbooks.child`.

It is asked in JSON on standard input, answers in JSON on standard output, and writes cells as
Arrow streams into a file that it was lent. It bounds itself before it looks at the workbook; its
parent bounds it once more, by the clock, and expects it to die.
"""

import gc
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import IO, Any, Final

# It ends itself, too, should its parent be gone by then.
_GRACE_S: Final = 5
_OF_FILES: Final = "parquet-"


def main() -> None:
    """Answer one question about one workbook, and end at once."""
    gc.disable()  # all that is made here ends with the process
    asked = json.load(sys.stdin)
    _limit(asked["memory_bytes"], asked["time_s"])
    json.dump(_answer(asked), sys.stdout)
    sys.stdout.flush()
    os._exit(0)


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
    # pyarrow and openpyxl do without numpy where there is none, and start in half the time.
    sys.modules["numpy"] = None  # type: ignore[assignment]
    try:
        task = _task(asked["task"])
        with os.fdopen(asked["content"], "rb") as lent:
            # A Parquet file may be larger than memory, and is read where it is wanted.
            content = lent if asked["task"].startswith(_OF_FILES) else lent.read()
            with os.fdopen(asked["rows"], "wb") as rows:
                return task(content, asked, rows)
    except MemoryError:
        return {"refused": "memory"}
    except BaseException:  # noqa: BLE001 - Rust panics are no `Exception`
        return {"refused": "damaged"}


def _task(name: str) -> Callable[[Any, Mapping[str, Any], IO[bytes]], dict[str, Any]]:
    """Import what is asked for, and no more, after the limits."""
    if name == "annotated":
        from bulk_referrals.workbooks.annotating import annotate  # noqa: PLC0415 - as said

        return annotate
    if name.startswith(_OF_FILES):
        from bulk_referrals.workbooks import parquet  # noqa: PLC0415 - as said

        return parquet.TASKS[name]
    from bulk_referrals.workbooks.reading import TASKS  # noqa: PLC0415 - as said

    return TASKS[name]


if __name__ == "__main__":
    main()
