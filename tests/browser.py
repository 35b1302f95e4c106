"""A headless Chromium, spoken to in its own protocol over two pipes: no driver, no port.

Messages are JSON, each ended by a zero byte (`--remote-debugging-pipe`).
"""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")


class Browser:
    """One tab; what it complains of and what it asks the network for is kept."""

    def __init__(self, profile: Path) -> None:
        """Start it with an empty profile."""
        program = next(filter(None, map(shutil.which, NAMES)))
        to_child, ours_out = os.pipe()
        ours_in, from_child = os.pipe()
        # The protocol's file descriptors are 3 and 4: a shell puts ours there.
        redirected = f'exec "$@" 3<&{to_child} 4>&{from_child}'
        flags = ["--headless", "--disable-gpu", "--no-sandbox", "--remote-debugging-pipe"]
        words = [program, *flags, "--no-first-run", f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            ["bash", "-c", redirected, "bash", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(to_child, from_child),
        )
        os.close(to_child)
        os.close(from_child)
        self._out = os.fdopen(ours_out, "wb", buffering=0)
        self._in = os.fdopen(ours_in, "rb")
        self._rest = b""
        self._number = 0
        self._session = ""
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.refused: list[str] = []
        self._waiting: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        told = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = told["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the browser."""
        self._out.close()
        self._in.close()
        self._process.kill()
        self._process.wait()

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Ask for something and return the answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        for told in self._messages():
            if told.get("id") == self._number:
                if "error" in told:
                    raise RuntimeError(told["error"])
                answer: dict[str, Any] = told["result"]
                return answer
        raise EOFError(method)

    def _messages(self) -> Iterator[dict[str, Any]]:
        while True:
            while b"\0" not in self._rest:
                more = self._in.read1(1 << 20)
                if not more:
                    return
                self._rest += more
            message, _, self._rest = self._rest.partition(b"\0")
            told = json.loads(message)
            self._note(told)
            yield told

    def _note(self, told: dict[str, Any]) -> None:
        method, params = told.get("method", ""), told.get("params", {})
        if method in {"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"}:
            self.complaints.append(json.dumps(params))
        if method == "Network.requestWillBeSent":
            self.asked.append(params["request"]["url"])
        if method == "Network.loadingFailed":
            self.refused.append(params.get("blockedReason", params["errorText"]))
        if method == "Page.loadEventFired":
            self._waiting.append(method)

    def open(self, path: Path) -> None:
        """Open a file and wait until it is there."""
        self._waiting.clear()
        self.call("Page.navigate", url=path.as_uri())
        while not self._waiting:
            self.call("Runtime.evaluate", expression="0")

    def run(self, expression: str) -> Any:
        """Return what an expression gives in the page."""
        told = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in told:
            raise RuntimeError(told["exceptionDetails"])
        return told["result"].get("value")

    def press(self, key: str, *, text: str = "") -> None:
        """Press a key, as a person does."""
        codes = {"Tab": 9, "Enter": 13, " ": 32}
        code = codes.get(key, ord(key[0].upper()))
        common = {"key": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text: str) -> None:
        """Type a text where the cursor is."""
        self.call("Input.insertText", text=text)

    def shape(self, width: int, height: int, **features: str) -> None:
        """Take a size, and features such as `scheme="dark"` or `media="print"`."""
        scheme = {"name": "prefers-color-scheme", "value": features.get("scheme", "light")}
        self.call("Emulation.setEmulatedMedia", media=features.get("media", ""), features=[scheme])
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """Write what is seen, or the whole page, as a PNG."""
        told = self.call(
            "Page.captureScreenshot", captureBeyondViewport=whole, **self._clip(whole)
        )
        path.write_bytes(base64.b64decode(told["data"]))

    def _clip(self, whole: bool) -> dict[str, Any]:  # noqa: FBT001 - internal
        if not whole:
            return {}
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        return {"clip": {**size, "x": 0, "y": 0, "scale": 1}}


@contextmanager
def opened(path: Path, profile: Path) -> Iterator[Browser]:
    """Lend a browser that shows a file."""
    with Browser(profile) as browser:
        browser.open(path)
        yield browser
