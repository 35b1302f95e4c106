"""The sandbox in its own process, seen through a plain socket: nothing retries or hides."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest

from bulk_referrals.sandbox import FAULTS, Sandbox, SandboxOptions
from bulk_referrals.sandbox.access import basic_header
from bulk_referrals.sandbox.faults import Landing, Route

PATH = "/v1.1/customer/referrals"
TOKEN_PATH = "/v3/oauth/token/generate"
BASIC = basic_header("store123", "Pass123")
SILENCE_S = 0.05
needs_proc = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads /proc")

# What a client sees of each symptom: how the exchange ended, and the HTTP status, 0 for none.
SEEN = {
    "reset": ("reset", 0),
    "close": ("closed", 0),
    "hang": ("silent", 0),
    "500": ("answered", 500),
    "502": ("answered", 502),
    "503": ("answered", 503),
    "504": ("answered", 504),
    "cut": ("cut", 200),
    "garbage": ("answered", 200),
    "empty": ("answered", 200),
    "deep": ("answered", 200),
    "html": ("answered", 200),
    "html502": ("answered", 502),
    "1222": ("answered", 200),
    "461": ("answered", 461),
    "429": ("answered", 429),
    "517": ("answered", 200),
    "521": ("answered", 200),
    "1060": ("answered", 200),
    "redirect": ("answered", 307),
    "slow": ("answered", 200),
    "huge": ("answered", 200),
    "lag": ("answered", 200),
    "stale": ("answered", 200),
}
POST_FAULTS = sorted(name for name, fault in FAULTS.items() if fault.route is Route.POST)
GET_FAULTS = sorted(name for name, fault in FAULTS.items() if fault.route is Route.GET)
TOKEN_FAULTS = sorted(name for name, fault in FAULTS.items() if fault.route is Route.TOKEN)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One exchange as a client saw it."""

    end: str  # answered, closed (FIN, no answer), cut (FIN within), reset (RST), silent
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> int:
        found: int = json.loads(self.body)["response"]["status"]["code"]
        return found


def exchange(url: str, request: bytes, *, timeout_s: float = 10.0) -> Seen:
    host, port = url.removeprefix("http://").split(":")
    received, end = b"", "closed"
    with socket.create_connection((host, int(port)), timeout=timeout_s) as connection:
        connection.sendall(request)
        try:
            while not complete(received) and (chunk := connection.recv(1 << 16)):
                received += chunk
        except ConnectionResetError:
            end = "reset"
        except TimeoutError:
            end = "silent"
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    if received:
        end = "answered" if complete(received) else "cut"
    return Seen(
        end=end,
        status=int(lines[0].split(" ")[1]) if received else 0,
        headers={name.lower(): text for name, text in (line.split(": ") for line in lines[1:])},
        body=body,
    )


def complete(received: bytes) -> bool:
    head, found, body = received.partition(b"\r\n\r\n")
    if not found:
        return False
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    return len(body) >= int(length)


def message(method: str, path: str, body: bytes = b"") -> bytes:
    return (
        f"{method} {path} HTTP/1.1\r\nHost: sandbox\r\nAuthorization: {BASIC}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def payload(mobile: str = "7999836466", identifier: str = "7999836416") -> dict[str, Any]:
    referral = {
        "id": "",
        "invited_on": "20240910T16:35:52.pV7BF",
        "name": "Shikhar",
        "identifier": identifier,
    }
    of_type = {"type": "MOBILE", "referral": [referral]}
    referrals = {"campaign_token": "J0H7Q", "referral_type": of_type}
    return {"root": {"customer": [{"mobile": mobile, "referrals": referrals}]}}


def post(url: str, *, timeout_s: float = 10.0, **asked: str) -> Seen:
    body = json.dumps(payload(**asked)).encode()
    return exchange(url, message("POST", PATH, body), timeout_s=timeout_s)


def get(url: str, *, timeout_s: float = 10.0) -> Seen:
    request = message("GET", f"{PATH}?mobile=7999836466&campaign_token=J0H7Q")
    return exchange(url, request, timeout_s=timeout_s)


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    options = SandboxOptions(late_s=3600.0, slow_s=0.02, huge_bytes=1 << 20)
    with Sandbox(options) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.reset()
    return running


# --- faults


@pytest.mark.parametrize("name", POST_FAULTS)
def test_a_fault_of_a_post_is_seen_and_commits_as_its_name_says(
    sandbox: Sandbox, name: str
) -> None:
    fault = FAULTS[name]
    sandbox.set_faults(plan=[name])
    end, status = SEEN[fault.symptom]
    seen = post(sandbox.url, timeout_s=SILENCE_S if end == "silent" else 10.0)
    assert (seen.end, seen.status) == (end, status)
    assert len(sandbox.invites()) == (fault.landing is Landing.AFTER)
    assert sandbox.settle() == (fault.landing is Landing.LATE)
    assert len(sandbox.invites()) == (fault.landing is not Landing.BEFORE)
    assert sandbox.stats()["faults"] == {name: 1}
    assert post(sandbox.url).code == 200


@pytest.mark.parametrize("name", GET_FAULTS)
def test_a_fault_of_a_get_is_seen(sandbox: Sandbox, name: str) -> None:
    sandbox.set_faults(get_plan=[name])
    end, status = SEEN[FAULTS[name].symptom]
    seen = get(sandbox.url, timeout_s=SILENCE_S if end == "silent" else 10.0)
    assert (seen.end, seen.status) == (end, status)
    assert get(sandbox.url).code == 200


@pytest.mark.parametrize("name", TOKEN_FAULTS)
def test_a_fault_of_a_token_is_seen(sandbox: Sandbox, name: str) -> None:
    sandbox.set_faults(f"{name}=1")
    end, status = SEEN[FAULTS[name].symptom]
    asked = json.dumps({"key": "sandbox-key", "secret": "sandbox-secret"}).encode()
    request = message("POST", TOKEN_PATH, asked)
    seen = exchange(sandbox.url, request, timeout_s=SILENCE_S if end == "silent" else 10.0)
    assert (seen.end, seen.status) == (end, status)


def test_bodies_that_are_no_answer(sandbox: Sandbox) -> None:
    sandbox.set_faults(plan=["garbage", "empty", "html", "deep", "502-before", "500-before"])
    garbage, empty, html, deep, gateway, error = (post(sandbox.url) for _ in range(6))
    with pytest.raises(UnicodeDecodeError):
        garbage.body.decode()
    assert empty.body == b""
    assert b"<form" in html.body
    assert html.headers["content-type"].startswith("text/html")
    assert deep.body.startswith(b"[[[")
    assert b"502 Bad gateway" in gateway.body
    assert error.code == 500
    assert b"customers" not in error.body


def test_a_cut_answer_announces_more_than_arrives(sandbox: Sandbox) -> None:
    whole = post(sandbox.url)
    sandbox.set_faults(plan=["cut"])
    cut = post(sandbox.url)
    assert int(cut.headers["content-length"]) == len(whole.body)
    assert cut.body == whole.body[: len(whole.body) // 2]


@pytest.mark.parametrize("name", ["slow", "huge"])
def test_a_slow_or_huge_answer_is_true(sandbox: Sandbox, name: str) -> None:
    sandbox.set_faults(plan=[name])
    seen = post(sandbox.url)
    assert seen.code == 200
    assert len(seen.body) == 1 << 20 if name == "huge" else len(seen.body) < 2000


def test_a_redirect_shows_who_follows_it_with_credentials(sandbox: Sandbox) -> None:
    sandbox.set_faults(plan=["redirect"])
    headers = {"Authorization": BASIC}
    with httpx.Client(follow_redirects=True, headers=headers) as client:
        client.post(sandbox.url + PATH, json=payload())
    stats = sandbox.stats()
    assert (stats["elsewhere"], stats["elsewhere_signed"], stats["invites"]) == (1, 1, 0)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("reset-after", aiohttp.ClientOSError),
        ("close-after", aiohttp.ServerDisconnectedError),
        ("cut", aiohttp.ClientPayloadError),
    ],
)
def test_a_broken_connection_is_an_error_of_the_usual_client(
    sandbox: Sandbox, name: str, error: type[Exception]
) -> None:
    async def call() -> None:
        async with (
            aiohttp.ClientSession(headers={"Authorization": BASIC}) as session,
            session.post(sandbox.url + PATH, json=payload()) as response,
        ):
            await response.read()

    sandbox.set_faults(plan=[name])
    with pytest.raises(error):
        asyncio.run(call())
    assert len(sandbox.invites()) == 1


@needs_proc
def test_a_hang_ends_when_the_client_goes_away(sandbox: Sandbox) -> None:
    sandbox.set_faults(plan=["hang-before"])
    assert post(sandbox.url, timeout_s=SILENCE_S).end == "silent"
    assert eventually(lambda: connections(sandbox.pid) == 0)


def connections(pid: int) -> int:
    """Sockets of the process, without the one that listens."""
    targets = []
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            targets.append(str(one.readlink()))
    inodes = {target[8:-1] for target in targets if target.startswith("socket:")}
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(line.split()[9] in inodes and line.split()[3] == "01" for line in lines)


def test_the_same_seed_gives_the_same_faults_under_any_concurrency(sandbox: Sandbox) -> None:
    mobiles = [f"79998{number:05d}" for number in range(60)]

    def run(threads: int) -> dict[str, str]:
        sandbox.reset()
        sandbox.set_faults("reset-after=0.2,500-before=0.2,cut=0.2", seed=11)
        ends: dict[str, str] = {}

        def work(mine: list[str]) -> None:
            for mobile in mine:
                seen = post(sandbox.url, mobile=mobile)
                ends[mobile] = f"{seen.end} {seen.status}"

        workers = [
            threading.Thread(target=work, args=(mobiles[k::threads],)) for k in range(threads)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return ends

    alone = run(1)
    assert len(set(alone.values())) == 4
    assert run(6) == alone


# --- processing, limits


def test_two_requests_at_once_for_one_customer_are_521_for_one() -> None:
    with Sandbox(SandboxOptions(latency_s=0.05)) as slow:
        codes: list[int] = []
        calls = [
            threading.Thread(target=lambda: codes.append(post(slow.url).code)) for _ in range(2)
        ]
        for call in calls:
            call.start()
        for call in calls:
            call.join()
        assert sorted(codes) == [200, 521]
        stats = slow.stats()
        assert stats["in_flight_per_referrer_max"] == 2
        assert stats["invites"] == 1


def test_the_limit_holds_on_the_wire_and_tells_when_to_come_back() -> None:
    with Sandbox(SandboxOptions(rate_per_min=5)) as limited:
        seen = [post(limited.url) for _ in range(7)]
        assert [one.status for one in seen] == [200] * 5 + [429] * 2
        assert 58 <= int(seen[-1].headers["retry-after"]) <= 60
        stats = limited.stats()
        assert (stats["posts"], stats["limited"], stats["rate_peak"]) == (7, 2, 7)


# --- the process


def test_it_takes_connections_as_soon_as_it_has_told_its_address() -> None:
    with Sandbox() as sandbox:
        assert sandbox.url.startswith("http://127.0.0.1:")
        assert post(sandbox.url).code == 200


@needs_proc
def test_it_ends_with_its_with() -> None:
    with Sandbox() as sandbox:
        pid = sandbox.pid
    assert not Path(f"/proc/{pid}").exists()
    assert sandbox.pid == 0


@needs_proc
def test_it_ends_when_its_parent_is_killed() -> None:
    script = (
        "from bulk_referrals.sandbox import Sandbox\n"
        "sandbox = Sandbox()\n"
        "sandbox.start()\n"
        "print(sandbox.pid, flush=True)\n"
        "import time; time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
    assert eventually(lambda: not alive(pid))


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    try:
        # An orphan that nobody reaped is a zombie: ended all the same.
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_ctrl_c_in_our_terminal_does_not_reach_it() -> None:
    with Sandbox() as sandbox:
        assert os.getsid(sandbox.pid) == sandbox.pid
        assert os.getpgid(sandbox.pid) != os.getpgid(0)


def test_what_the_journal_holds_outlives_the_process(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    options = SandboxOptions(journal=str(journal), plan=("reset-after",))
    first = Sandbox(options)
    url = first.start()
    assert post(url).end == "reset"
    kept = first.invites()
    os.kill(first.pid, signal.SIGKILL)
    first.stop()
    journal.write_bytes(journal.read_bytes() + b'{"campaign_token": "J0')  # torn by the death
    with Sandbox(options, port=int(url.rpartition(":")[2])) as second:
        assert second.url == url
        assert second.invites() == kept
        assert len(kept) == 1
        second.set_faults()
        post(url)
        assert len(second.invites()) == 2
    assert journal.stat().st_mode & 0o777 == 0o600
    assert len(journal.read_text().splitlines()) == 2


def test_a_reset_forgets_the_journal_too(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    with Sandbox(SandboxOptions(journal=str(journal))) as sandbox:
        post(sandbox.url)
        sandbox.reset()
        assert sandbox.invites() == []
        assert journal.read_bytes() == b""


def test_a_port_that_is_taken_is_said_in_one_sentence() -> None:
    with Sandbox() as first:
        port = int(first.url.rpartition(":")[2])
        with pytest.raises(RuntimeError, match=r"^the sandbox did not start: .*in use"):
            Sandbox(port=port).start()


def test_a_fault_that_is_not_one_is_told_to_the_caller(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="no such fault"):
        sandbox.set_faults("explode=1")


def test_as_a_command_it_serves_until_it_is_interrupted() -> None:
    command = [sys.executable, "-m", "bulk_referrals.sandbox", "--port", "0", "--plan", "461"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = process.stdout.readline().decode().strip()
        assert post(url).status == 461
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0
        assert process.stderr.read() == b""


def test_a_late_commit_lands_by_itself() -> None:
    with Sandbox(SandboxOptions(plan=("late",), late_s=0.03)) as sandbox:
        assert post(sandbox.url).status == 504
        assert eventually(lambda: len(sandbox.invites()) == 1)
