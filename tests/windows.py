"""What a server that limits requests counts."""

from collections.abc import Sequence


def busiest(moments: Sequence[float], window_s: float) -> int:
    """Return the most of the moments, ascending, that lie in one window, wherever it begins."""
    first = most = 0
    for place, moment in enumerate(moments):
        while moments[first] <= moment - window_s:
            first += 1
        most = max(most, place - first + 1)
    return most
