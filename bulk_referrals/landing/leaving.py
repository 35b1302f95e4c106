"""What becomes of a file once it was taken: moved into a folder beside it, never over another."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bulk_referrals.errors import InputError, UsageError
from bulk_referrals.landing import fetching, local
from bulk_referrals.landing.address import Address, is_address, parse
from bulk_referrals.landing.stores import Stores
from bulk_referrals.model import Source

_NAME: Final = re.compile(r"(.*?)((?:\.\w{1,5}(?:\.(?:gz|zip))?)?)", re.DOTALL)
_MOST_OF_A_NAME: Final = 100


def require_beside(folder: str, paths: list[str]) -> None:
    """Refuse a folder that files from elsewhere cannot be moved to.

    Raises:
        UsageError: there are such files, and the folder is no name beside them.
    """
    outside = folder.startswith(("/", "~")) or ".." in folder.split("/") or is_address(folder)
    if outside and any(map(is_address, paths)):
        message = (
            f"{folder}: files from elsewhere are moved to a folder beside them, within their "
            "store. Give its name alone, such as done."
        )
        raise UsageError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class PutAway:
    """What came of moving a file.

    Attributes:
        is_moved: it is no longer where it was.
        told: a sentence: where it is now, or why it stays.
    """

    is_moved: bool
    told: str


def put_away(source: Source, folder: str, *, mark: str, stores: Stores) -> PutAway:
    """Move a file that was taken, if it is still the one that was.

    Args:
        source: the file; without a sha256, whatever lies there is moved.
        folder: beside the file; on this machine it may also be an absolute path.
        mark: made part of the name where the name alone is in use, such as the run's id.
        stores: to reach addresses by.

    Returns:
        What came of it. It never raises: a file that stays is no reason to lose a run.
    """
    try:
        if is_address(source.path):
            where = str(_away_there(source, parse(source.path), folder, mark, stores))
        else:
            where = str(_away_here(source, Path(source.path), folder, mark))
    except InputError as error:
        return PutAway(is_moved=False, told=f"Not moved: {error}")
    except (OSError, UsageError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        told = f"{source.path}: it could not be moved ({why}). Move it by hand."
        return PutAway(is_moved=False, told=told)
    return PutAway(is_moved=True, told=f"{source.path} was moved to {where}.")


def _away_here(source: Source, path: Path, folder: str, mark: str) -> Path:
    if source.sha256 and local.digest(path) != source.sha256:
        raise _changed(source)
    for name in _names(path.name, mark):
        target = path.parent / Path(folder).expanduser() / name
        if local.move(path, target):
            return target
    raise _crowded(source)


def _away_there(
    source: Source, address: Address, folder: str, mark: str, stores: Stores
) -> Address:
    store = stores.of(address)
    sign = store.look(address)
    is_same = source.etag and sign.etag == source.etag
    if source.sha256 and not is_same:
        is_same = fetching.digest(store, address, sign) == source.sha256
        if not is_same:
            raise _changed(source)
    for name in _names(address.name, mark):
        target = address.beside(folder, name)
        if store.move(address, target, sign):
            return target
    raise _crowded(source)


def _changed(source: Source) -> InputError:
    problem = "it has changed since it was read"
    return InputError(source.path, problem, advice="Run it again for what is new in it.")


def _crowded(source: Source) -> InputError:
    problem = "files of this name are there already"
    return InputError(source.path, problem, advice="Move it by hand.")


def _names(name: str, mark: str) -> Iterator[str]:
    """Yield the name, then the name with the mark before its ending, then with numbers too."""
    yield name
    match = _NAME.fullmatch(name)
    stem, ending = match.groups() if match and match[1] else (name, "")
    yield f"{stem}.{mark}{ending}"
    for number in range(2, _MOST_OF_A_NAME):
        yield f"{stem}.{mark}-{number}{ending}"
