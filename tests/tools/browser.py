"""A headless Chromium, steered over a pipe by its DevTools protocol: what a person does, without a driver."""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support import PATIENCE_S, eventually

PROGRAM = "chromium"


class Browser:
    """One page of a browser. What scripts or the policy complain of is in `complaints`."""

    def __init__(self, process: subprocess.Popen[bytes], read: int, write: int) -> None:
        self._process = process
        self._read, self._write = read, write
        self._buffer = b""
        self._numbers = itertools.count(1)
        self._session: str | None = None
        self.complaints: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE_S
        while True:
            answer = self._next(deadline)
            if answer.get("id") == number:
                assert "error" not in answer, answer["error"]
                result: dict[str, Any] = answer["result"]
                return result
            self._note(answer)

    def _next(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            assert time.monotonic() < deadline, "the browser does not answer"
            if select.select([self._read], [], [], 1.0)[0]:
                data = os.read(self._read, 1 << 20)
                assert data, "the browser has ended"
                self._buffer += data
        message, self._buffer = self._buffer.split(b"\0", 1)
        found: dict[str, Any] = json.loads(message)
        return found

    def _note(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"].get("exception", {}).get("description")))
        elif event.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(params["entry"]["text"])

    def go(self, url: str) -> None:
        """Load a page, and wait until it is there."""
        self.call("Page.navigate", url=url)
        self.ready()

    def ready(self) -> None:
        eventually(lambda: self.js("document.readyState") == "complete")

    def js(self, expression: str) -> Any:
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        return answer["result"].get("value")

    @property
    def text(self) -> str:
        """What a person reads."""
        return str(self.js("document.body ? document.body.innerText : ''"))

    def shows(self, *words: str) -> None:
        """Wait until all of these can be read."""
        eventually(lambda: all(word in self.text for word in words), what=f"{words}")

    def click(self, text: str) -> None:
        """Click the first link or button with that text."""
        found = (
            f"[...document.querySelectorAll('a, button')].find((one) => one.textContent.trim() === {json.dumps(text)})"
        )
        eventually(lambda: self.js(f"!!({found})"), what=f"a link or button {text!r}")
        self.js(f"{found}.click()")

    def press(self, *keys: str) -> None:
        """Type keys, as a keyboard does."""
        for key in keys:
            extra = {"code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"} if key == "Enter" else {"text": key}
            self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **extra)
            self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def size(self, width: int, height: int, *, dark: bool = False) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser with nothing in it."""
    there, ours = os.pipe()
    back, theirs = os.pipe()
    flags = (
        "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --disable-extensions "
        f"--hide-scrollbars --remote-debugging-pipe --user-data-dir={folder}"
    )
    line = f"exec {PROGRAM} {flags} 3<&{there} 4>&{theirs}"
    process = subprocess.Popen(
        ["bash", "-c", line], pass_fds=(there, theirs), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(there)
    os.close(theirs)
    try:
        yield Browser(process, back, ours)
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        os.close(back)
        os.close(ours)
