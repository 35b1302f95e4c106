"""Real stores on this machine: an S3 server and an SFTP server, each in a thread, on loopback."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
import boto3
from moto.server import ThreadedMotoServer

LOOPBACK = "127.0.0.1"
SFTP_USER, SFTP_PASSWORD = "export", "5FTP-s3cret"


@dataclass(frozen=True, kw_only=True)
class S3:
    url: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "AKIDTEST",
            "AWS_SECRET_ACCESS_KEY": "s3cretAccessKey",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    @property
    def client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id="AKIDTEST",
            aws_secret_access_key="s3cretAccessKey",
            region_name="us-east-1",
        )

    def bucket(self, name: str) -> None:
        self.client.create_bucket(Bucket=name)

    def put(self, bucket: str, key: str, content: bytes | str) -> None:
        self.client.put_object(Bucket=bucket, Key=key, Body=content)

    def keys(self, bucket: str) -> list[str]:
        listed = self.client.list_objects_v2(Bucket=bucket)
        return [each["Key"] for each in listed.get("Contents", [])]


@contextmanager
def s3_server() -> Iterator[S3]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it tells of every request
    server = ThreadedMotoServer(ip_address=LOOPBACK, port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield S3(url=f"http://{host}:{port}")
    finally:
        server.stop()


@dataclass(frozen=True, kw_only=True)
class Sftp:
    """An SFTP server.

    Attributes:
        root: the folder that it serves as "/".
        port: on loopback.
        known_hosts: a file that knows its key.
        stalled: while set, the server answers nothing more.
    """

    root: Path
    port: int
    known_hosts: Path
    stalled: threading.Event

    def address(self, path: str) -> str:
        return f"sftp://{SFTP_USER}@{LOOPBACK}:{self.port}/{path}"


class _Door(asyncssh.SSHServer):
    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (SFTP_USER, SFTP_PASSWORD)


def _serving(root: Path, stalled: threading.Event) -> type[asyncssh.SFTPServer]:
    class Files(asyncssh.SFTPServer):
        def __init__(self, channel: Any) -> None:
            super().__init__(channel, chroot=str(root).encode())

        async def read(self, file_obj: object, offset: int, size: int) -> bytes:
            while stalled.is_set():  # noqa: ASYNC110 - it is set by another thread
                await asyncio.sleep(0.01)
            content = super().read(file_obj, offset, size)
            return content if isinstance(content, bytes) else await content

    return Files


@contextmanager
def sftp_server(folder: Path) -> Iterator[Sftp]:
    """Serve a folder `files` of a folder; its keys lie beside it."""
    root = folder / "files"
    root.mkdir()
    stalled = threading.Event()
    key = asyncssh.generate_private_key("ssh-ed25519")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def do(what: Callable[[], Awaitable[Any]]) -> Any:
        async def doing() -> Any:
            return await what()

        return asyncio.run_coroutine_threadsafe(doing(), loop).result(timeout=30)

    server = do(
        lambda: asyncssh.listen(
            LOOPBACK,
            0,
            server_host_keys=[key],
            server_factory=_Door,
            sftp_factory=_serving(root, stalled),
        )
    )
    port = server.get_port()
    known_hosts = folder / "known_hosts"
    public = key.export_public_key().decode().strip()
    known_hosts.write_text(f"[{LOOPBACK}]:{port} {public}\n")
    try:
        yield Sftp(root=root, port=port, known_hosts=known_hosts, stalled=stalled)
    finally:
        stalled.clear()
        server.close()
        do(server.wait_closed)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=30)
        loop.close()
