"""Stores of files elsewhere, through fsspec: list, look, read and move, each within a time.

The libraries are extras, and imported when an address names their store. Nothing is trusted: a
host must be known by its key, a listing may not lead out of its folder, and an answer that does
not come within the time given is an error.
"""

import importlib
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from bulk_referrals.errors import InputError, NothingToDoError, UsageError
from bulk_referrals.landing.address import Address
from bulk_referrals.landing.troubles import sentence_of

CHUNK_BYTES: Final = 4 << 20
MOST_FILES: Final = 10_000
_COPY_PATIENCE: Final = 20  # a store copies a large file by itself, and answers when it is done
_LOUD: Final = ("adlfs", "aiobotocore", "asyncssh", "azure", "botocore", "fsspec", "gcsfs", "s3fs")
_ETAGS: Final = ("ETag", "etag")
_TIMES: Final = ("LastModified", "last_modified", "mtime", "updated")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """How a file looks from outside: as long as it looks the same, it is taken for unchanged.

    Attributes:
        size_bytes: its size.
        changed: when it last changed, as its store tells it.
        etag: the store's name for this very content; "" where there is no such thing.
    """

    size_bytes: int
    changed: str
    etag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How stores are reached.

    Attributes:
        timeout_s: that one exchange may take, seconds.
        known_hosts: the file with the keys of SFTP hosts.
        sftp_password: "" where a key or an agent signs in.
    """

    timeout_s: float
    known_hosts: Path
    sftp_password: str = ""


class Store:
    """One store: a bucket's service, or a host. Made by `Stores.of`.

    Args:
        fs: an fsspec filesystem of the asynchronous kind.
        timeout_s: that one exchange may take, seconds.
    """

    def __init__(self, fs: Any, timeout_s: float) -> None:  # noqa: ANN401 - fsspec has no types
        self._fs = fs
        self._timeout_s = timeout_s

    def files(self, address: Address, wanted: Callable[[str], bool]) -> list[Address]:
        """Return the files that an address stands for, in the order of their names.

        Args:
            address: a file, a folder (its spreadsheets) or a pattern.
            wanted: tells by its name whether a file of a folder is meant.

        Raises:
            NothingToDoError: there are none.
            InputError: the store cannot tell.
        """
        with _told(address):
            found = self._found(address, wanted)
        if found is None:
            self._require_bucket(address)
            problem = "no file matches this pattern" if address.is_pattern else "no such file"
            advice = "Check the folder and the name."
            raise NothingToDoError(str(address), problem, advice=advice)
        if not found:
            advice = "Put .csv, .xlsx, .ods, .parquet or the like there, or name another folder."
            raise NothingToDoError(str(address), "the folder holds no spreadsheet", advice=advice)
        if len(found) > MOST_FILES:
            raise InputError(
                str(address),
                f"it stands for more than {MOST_FILES:,} files",
                advice="Name fewer of them.",
            )
        return found

    def look(self, address: Address) -> Sign:
        """Return how a file looks now.

        Raises:
            InputError: it is not there (any more), is no file, or the store cannot tell.
        """
        with _told(address):
            known = self._do("info", address.path)
        if known.get("type") != "file":
            raise InputError(str(address), "it is not a file", advice="Name a file.")
        changed = next((known[name] for name in _TIMES if known.get(name)), "")
        return Sign(
            size_bytes=int(known.get("size") or 0),
            changed=changed.isoformat() if isinstance(changed, datetime) else str(changed),
            etag=next((str(known[name]) for name in _ETAGS if known.get(name)), ""),
        )

    def chunks(self, address: Address, size_bytes: int) -> Iterator[bytes]:
        """Yield a file's bytes, in order, up to a size.

        Raises:
            InputError: the store does not give them.
        """
        for start in range(0, size_bytes, CHUNK_BYTES):
            end = min(start + CHUNK_BYTES, size_bytes)
            with _told(address):
                chunk: bytes = self._do("cat_file", address.path, start=start, end=end)
            if len(chunk) != end - start:
                problem = "it is shorter than its store says"
                raise InputError(str(address), problem, advice="Run it again when it is complete.")
            yield chunk

    def move(self, address: Address, target: Address, sign: Sign) -> bool:
        """Move a file within its store, never over another one.

        Args:
            address: the file.
            target: where to.
            sign: how it must look still.

        Returns:
            False where there is a file at the target already.

        Raises:
            InputError: it cannot be moved, or has changed; then it is where it was.
        """
        with _told(address):
            if self._do("exists", target.path):
                return False
            if not address.kind.has_buckets:
                return self._rename(address, target)
            self._do("cp_file", address.path, target.path, patience=_COPY_PATIENCE)
        copied, still = self.look(target).size_bytes == sign.size_bytes, self.look(address) == sign
        with _told(address):
            self._do("rm_file", (address if copied and still else target).path)
        if not (copied and still):
            advice = "Move it by hand."
            raise InputError(str(address), "it changed while it was being moved", advice=advice)
        return True

    def _rename(self, address: Address, target: Address) -> bool:
        self._do("makedirs", target.path.rpartition("/")[0], exist_ok=True)
        try:
            self._do("mv", address.path, target.path)
        except FileExistsError:
            return False
        return True

    def close(self) -> None:
        """Let go of the connection."""
        with suppress(Exception):
            if hasattr(self._fs, "close_session") and getattr(self._fs, "_s3", None) is not None:
                self._fs.close_session(self._fs.loop, self._fs._s3)  # noqa: SLF001 - its own way to close
            elif hasattr(self._fs, "_hang_up"):
                self._do("hang_up")

    def _found(self, address: Address, wanted: Callable[[str], bool]) -> list[Address] | None:
        """Return the files, or None where the address itself stands for nothing."""
        with suppress(FileNotFoundError):
            if address.is_pattern:
                listed = self._do("glob", address.path, detail=True).values()
                return self._files(address, listed, _is_shown) or None
            if self._do("info", address.path)["type"] != "directory":
                return [address]
            path = address.path.rstrip("/") or "/"
            return self._files(address, self._do("ls", path, detail=True), wanted)
        return None

    def _files(
        self,
        address: Address,
        listed: Iterable[dict[str, Any]],
        wanted: Callable[[str], bool],
    ) -> list[Address]:
        found = []
        for known in listed:
            name = str(known["name"])
            with suppress(ValueError):
                each = address.at(name)
                if self._is_file(known) and wanted(each.name) and name.isprintable():
                    found.append(each)
        return sorted(found, key=str)

    def _is_file(self, known: dict[str, Any]) -> bool:
        if known["type"] == "link":  # of SFTP: what matters is what it leads to
            with suppress(FileNotFoundError):
                return bool(self._do("info", known["name"])["type"] == "file")
        return bool(known["type"] == "file")

    def _require_bucket(self, address: Address) -> None:
        """Tell a bucket that is missing from one that has no such file.

        Raises:
            InputError: there is no such bucket.
        """
        if not address.bucket:
            return
        with _told(address):
            if not self._do("exists", address.bucket):
                advice = "Check its name, and whose it is."
                raise InputError(str(address), "there is no such bucket", advice=advice)

    def _do(self, name: str, *args: object, patience: int = 1, **more: object) -> Any:  # noqa: ANN401 - as the libraries answer
        """Let an asynchronous store do what its method `_name` does, within the time."""
        from fsspec.asyn import sync  # noqa: PLC0415 - an extra

        ask = getattr(self._fs, f"_{name}")
        return sync(self._fs.loop, ask, *args, timeout=self._timeout_s * patience, **more)


class Stores:
    """The stores that one command reaches; each is opened once.

    Args:
        access: how they are reached.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._open: dict[str, Store] = {}

    def of(self, address: Address) -> Store:
        """Return the store of an address.

        Raises:
            UsageError: its library is missing, or it cannot be reached.
        """
        if address.place not in self._open:
            module = _library(address)
            with _told(address):
                fs = _opened(module, address, self._access)
            self._open[address.place] = Store(fs, self._access.timeout_s)
        return self._open[address.place]

    def close(self) -> None:
        """Let go of all of them."""
        for store in self._open.values():
            store.close()
        self._open.clear()


def _is_shown(name: str) -> bool:
    return bool(name) and not name.startswith((".", "~$"))


def _library(address: Address) -> Any:  # noqa: ANN401 - a module without types
    kind = address.kind
    for (
        name
    ) in _LOUD:  # what they tell of may be a signed link, and we tell of it in our own words
        logging.getLogger(name).addHandler(logging.NullHandler())
        logging.getLogger(name).propagate = False
    try:
        return importlib.import_module(kind.module)
    except ImportError:
        message = (
            f"{address}: reading {address.scheme}:// needs an extra: "
            f"pip install 'bulk-referrals[{kind.extra}]'"
        )
        raise UsageError(message) from None


def _opened(module: Any, address: Address, access: Access) -> Any:  # noqa: ANN401 - without types
    fresh = {"skip_instance_cache": True, "use_listings_cache": False}
    timeout_s = access.timeout_s
    match address.kind.extra:
        case "s3":
            limits = {"connect_timeout": min(timeout_s, 10), "read_timeout": timeout_s}
            return module.S3FileSystem(config_kwargs=limits, **fresh)
        case "gcs":
            return module.GCSFileSystem(requests_timeout=timeout_s, **fresh)
        case "azure":
            named = {"account_name": address.host.split(".")[0]} if address.user else {}
            return module.AzureBlobFileSystem(anon=False, **named, **fresh)
        case _:
            from bulk_referrals.landing.sftp import connected  # noqa: PLC0415 - an extra

            return connected(
                address,
                password=access.sftp_password,
                known_hosts=access.known_hosts,
                timeout_s=timeout_s,
            )


@contextmanager
def _told(address: Address) -> Iterator[None]:
    """Turn what a library raises into a sentence; its own words may hold a secret.

    Raises:
        InputError: with the sentence.
    """
    try:
        yield
    except (InputError, UsageError):
        raise
    except Exception as error:  # noqa: BLE001 - each library has errors of its own
        problem, advice = sentence_of(error)
        raise InputError(str(address), problem, advice=advice) from None
