"""One way to put a wrong or a watched thing in place of a right one, which must be there."""

from typing import Any


def put(room: Any, **instead: Any) -> None:
    """Replace names of a module or class.

    Raises:
        AttributeError: there is no such name any more, so the patch would change nothing.
    """
    for name, value in instead.items():
        if not hasattr(room, name):
            message = f"{room} has no {name} any more"
            raise AttributeError(message)
        setattr(room, name, value)
