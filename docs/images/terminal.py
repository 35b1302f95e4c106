"""What a terminal showed (on standard input, as script(1) keeps it) as an SVG."""

import io
import re
import sys

from rich.console import Console
from rich.text import Text


def shown(log: str) -> list[str]:
    """Return the lines as they stand at the end: a bar overwrites its own line."""
    lines = re.sub(r"^Script (started|done).*\n?", "", log, flags=re.MULTILINE).split("\n")
    last = [re.split(r"\r(?!$)", line.rstrip("\r"))[-1] for line in lines]
    return [re.sub(r"\x1b\[[ABK]", "", line) for line in last]


def main() -> None:
    """Write the picture on standard output."""
    console = Console(record=True, width=100, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(f"$ {sys.argv[1]}"), highlight=False)
    for line in shown(sys.stdin.read().strip("\n")):
        console.print(Text.from_ansi(line), soft_wrap=True)
    svg = console.export_svg(title="bulk-referrals")
    # A picture asks the network for nothing, for fonts neither.
    svg = re.sub(r"@font-face \{.*?\}\n", "", svg, flags=re.DOTALL)
    sys.stdout.write("\n".join(line.rstrip() for line in svg.splitlines()) + "\n")


if __name__ == "__main__":
    main()
