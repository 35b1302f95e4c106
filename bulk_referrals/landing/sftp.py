"""SFTP through sshfs, made strict: a host is spoken to only when its key is known.

Left to themselves, fsspec's own SFTP adds any key that it meets and sshfs asks for none at all.
Here the keys come from known_hosts, and without one there is no connection. sshfs also reads
whole files, renames over others, and deletes a file whose copy has failed: not here.
"""

from pathlib import Path
from typing import Any, Final

from sshfs import SSHFileSystem
from sshfs.utils import wrap_exceptions

from bulk_referrals.landing.address import Address

_OF_THE_MACHINE: Final = Path("/etc/ssh/ssh_known_hosts")
_KEEPALIVE_S: Final = 15.0


class _Strict(SSHFileSystem):  # type: ignore[misc]  # sshfs has no types
    """sshfs, which reads parts and never renames over a file."""

    @wrap_exceptions  # type: ignore[untyped-decorator]  # as above
    async def _cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **more: object
    ) -> bytes:
        del more
        start = start or 0
        async with self._pool.get() as channel, channel.open(path, "rb") as file:
            content: bytes = await file.read(-1 if end is None else end - start, start)
            return content

    @wrap_exceptions  # type: ignore[untyped-decorator]  # as above
    async def _mv(self, lpath: str, rpath: str, **more: object) -> None:
        del more
        async with self._pool.get() as channel:
            await channel.rename(lpath, rpath)  # the protocol's own: refused where rpath exists

    async def _hang_up(self) -> None:
        """End the connection."""
        await self._pool.close()
        await self._stack.aclose()


def connected(address: Address, *, password: str, known_hosts: Path, timeout_s: float) -> Any:  # noqa: ANN401 - as fsspec
    """Return a filesystem on a host that has shown a key which is known.

    Users, ports and keys come from ~/.ssh/config too, and from an agent.

    Args:
        address: with the host, and perhaps user and port.
        password: "" where a key signs in.
        known_hosts: the file with the keys of hosts; that of the machine counts as well.
        timeout_s: for connecting and for signing in.
    """
    given: dict[str, Any] = {
        "username": address.user,
        "port": address.port,
        "password": password,
    }
    return _Strict(
        address.host.strip("[]"),
        known_hosts=_keys(known_hosts) + _keys(_OF_THE_MACHINE),
        connect_timeout=timeout_s,
        login_timeout=timeout_s,
        keepalive_interval=_KEEPALIVE_S,
        timeout=timeout_s,
        skip_instance_cache=True,
        **{name: value for name, value in given.items() if value},
    )


def _keys(file: Path) -> bytes:
    """Return a file's content; no file knows no host."""
    try:
        return file.expanduser().read_bytes() + b"\n"
    except FileNotFoundError:
        return b""
