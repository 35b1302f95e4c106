"""What an address of a file elsewhere is: `s3://bucket/key`, `sftp://user@host/path`, ….

An address never holds a secret: one that does is refused, and not shown. Whoever signs in does
so by what the store's own library finds in the environment and its usual files.
"""

import glob
import re
from dataclasses import dataclass, replace
from typing import Final

from bulk_referrals.errors import UsageError

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
# A bucket, a container, or a host with a user and a port: nothing that could hold a password.
_AUTHORITY: Final = re.compile(
    r"(?:(?P<user>[^\s:@/?#\[\]*]+)@)?(?P<host>[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?"
)
# Signed links carry their right to be read: whoever sees the link has it.
_SIGNED: Final = re.compile(
    r"[?&][\w-]*(?:sig|token|secret|passw|credential|key)[\w-]*=", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of store.

    Attributes:
        extra: of this package, which brings the library.
        module: the library's, to be imported.
        has_buckets: objects lie in buckets, and nothing else does; otherwise files in folders.
    """

    extra: str
    module: str
    has_buckets: bool


_S3: Final = Kind(extra="s3", module="s3fs", has_buckets=True)
_SFTP: Final = Kind(extra="sftp", module="sshfs", has_buckets=False)
_GCS: Final = Kind(extra="gcs", module="gcsfs", has_buckets=True)
_AZURE: Final = Kind(extra="azure", module="adlfs", has_buckets=True)
KINDS: Final = {
    "s3": _S3,
    "sftp": _SFTP,
    "gs": _GCS,
    "gcs": _GCS,
    "abfs": _AZURE,
    "abfss": _AZURE,
    "az": _AZURE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A file, a folder or a pattern in a store.

    Attributes:
        scheme: such as "s3"; a key of `KINDS`.
        user: before the @; "" where there is none.
        host: a bucket, or a host's name; of Azure the container is the user, as in its own form.
        port: 0 where none is given.
        key: what follows, without its first slash.
    """

    scheme: str
    user: str
    host: str
    port: int
    key: str

    @property
    def kind(self) -> Kind:
        """The kind of store."""
        return KINDS[self.scheme]

    @property
    def place(self) -> str:
        """The address up to the key, with a slash at its end."""
        user = f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{user}{self.host}{port}/"

    def __str__(self) -> str:
        """Return it as the user wrote it."""
        return self.place + self.key

    @property
    def bucket(self) -> str:
        """The bucket or container; "" where there is no such thing."""
        if not self.kind.has_buckets:
            return ""
        return self.user or self.host

    @property
    def path(self) -> str:
        """The path as the store's library wants it: `bucket/key`, or `/folder/file`."""
        return f"{self.bucket}/{self.key}"

    @property
    def is_pattern(self) -> bool:
        """Tell whether it stands for all that match it."""
        return glob.has_magic(self.key)

    @property
    def name(self) -> str:
        """The last part of its key."""
        return self.key.rsplit("/", 1)[-1]

    def at(self, path: str) -> "Address":
        """Return the address of another path of this store, in the library's form.

        Raises:
            ValueError: the path lies outside this bucket.
        """
        before = f"{self.bucket}/"
        if not path.startswith(before):
            message = "the path lies outside its bucket"
            raise ValueError(message)
        return replace(self, key=path.removeprefix(before))

    def beside(self, folder: str, name: str) -> "Address":
        """Return the address of a name in a folder beside this file."""
        parent = self.key.rpartition("/")[0]
        return replace(self, key="/".join(part for part in (parent, folder, name) if part))


def is_address(text: str) -> bool:
    """Tell whether a text names a file elsewhere, and not a path of this machine."""
    return _SCHEME.match(text) is not None


def parse(text: str) -> Address:
    """Return what an address names.

    Raises:
        UsageError: its scheme is unknown, it holds a secret, or it is no address. The message
            shows nothing that may be a secret.
    """
    scheme, _, rest = text.partition("://")
    scheme = scheme.lower()
    if scheme not in KINDS:
        known = ", ".join(f"{name}://" for name in ("s3", "sftp", "gs", "abfs"))
        message = f"{scheme}://…: such an address cannot be read. Give a path, or one of {known}."
        raise UsageError(message)
    authority, _, key = rest.partition("/")
    if ":" in authority.rpartition("@")[0] or _SIGNED.search(rest):
        message = (
            f"{scheme}://…: the address holds a secret, which others can see in the list of "
            "processes. Take it out; the guide on where exports land says where it belongs."
        )
        raise UsageError(message)
    match = _AUTHORITY.fullmatch(authority)
    if match is None or not text.isprintable():
        example = f"{scheme}://user@host/folder" if scheme == "sftp" else f"{scheme}://bucket/key"
        message = f"{scheme}://…: it is not an address. Write it as {example}."
        raise UsageError(message)
    return Address(
        scheme=scheme,
        user=match["user"] or "",
        host=match["host"],
        port=int(match["port"] or 0),
        key=key,
    )
