"""Draws how time grows with the rows, as an SVG: both axes logarithmic, a line per program."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_WIDTH, _HEIGHT, _EDGE = 640, 400, 56
_COLOURS: Final = {"ours": "#1f4e79", "careful": "#e08e0b", "typical": "#c0392b"}
_NAMES: Final = {
    "ours": "bulk_referrals",
    "careful": "careful script",
    "typical": "typical script",
}
_TICKS: Final = {1: "1", 10: "10", 100: "100", 1000: "1,000", 10_000: "10,000"}

Points = Mapping[int, float]


def draw(lines: Mapping[tuple[str, str], Points], path: Path) -> None:
    """Draw the lines.

    Args:
        lines: (program, format) -> rows -> seconds.
        path: the file.
    """
    rows = sorted({count for points in lines.values() for count in points})
    seconds = [value for points in lines.values() for value in points.values()]
    low, high = 10 ** math.floor(math.log10(min(seconds))), max(seconds) * 1.5

    def x(count: float) -> float:
        share = math.log(count / rows[0]) / max(math.log(rows[-1] / rows[0]), 1e-9)
        return _EDGE + share * (_WIDTH - 3.2 * _EDGE)

    def y(value: float) -> float:
        return (
            _HEIGHT
            - _EDGE
            - math.log(value / low) / math.log(high / low) * (_HEIGHT - 1.7 * _EDGE)
        )

    view = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {view} fill="#1b2733">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_EDGE}" y="22" font-size="15">Seconds from file to report</text>',
    ]
    for tick, label in _TICKS.items():
        if low <= tick <= high:
            parts.append(
                f'<path d="M{_EDGE} {y(tick):.1f}H{_WIDTH - 2.2 * _EDGE:.1f}" stroke="#d9e0e7"/>'
                f'<text x="{_EDGE - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{label}</text>'
            )
    parts += [
        f'<text x="{x(count):.1f}" y="{_HEIGHT - 30}" text-anchor="middle">{count:,} rows</text>'
        for count in rows
    ]
    for (program, kind), points in lines.items():
        places = [(x(count), y(value)) for count, value in sorted(points.items())]
        dash = ' stroke-dasharray="5 4"' if kind == "xlsx" else ""
        path_data = "L".join(f"{left:.1f} {top:.1f}" for left, top in places)
        colour = _COLOURS[program]
        parts.append(
            f'<path d="M{path_data}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
        )
        left, top = places[-1]
        if kind == "csv":
            place = f'x="{left + 8:.1f}" y="{top + 4:.1f}"'
            parts.append(f'<text {place} fill="{colour}">{_NAMES[program]}</text>')
    parts.append(
        f'<text x="{_EDGE}" y="{_HEIGHT - 8}" fill="#5b6b7b">CSV solid, XLSX dashed; both axes '
        "logarithmic.</text></svg>"
    )
    path.write_text("\n".join(parts) + "\n", "utf-8")
