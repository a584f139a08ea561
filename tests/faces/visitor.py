"""A real `jobctl web`, and someone who asks it over HTTP: a browser, or worse."""

from __future__ import annotations

import http.client
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from tests.support import PATIENCE_S, Cli, eventually

FROM_HERE = {"Sec-Fetch-Site": "same-origin"}


class Answer:
    """What was answered."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.text = response.read().decode()
        self.headers = {name.lower(): value for name, value in response.getheaders()}


class Site:
    """The address of a running `jobctl web`, and its tokens."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self.log = log
        self.cookie = ""

    def link(self, role: str) -> str:
        """The link that was printed for looking or for changing."""
        return str(re.search(rf"to {role}: +(\S+)", self.log.read_text())[1])  # type: ignore[index]

    def token(self, role: str) -> str:
        return self.link(role).partition("token=")[2]

    @property
    def port(self) -> int:
        found = re.search(r"http://[^ /]+:(\d+)", self.log.read_text())
        assert found
        return int(found[1])

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self, path: str, *, method: str = "GET", body: str | None = None, cookie: str | None = None, **headers: str
    ) -> Answer:
        """One request; header names with _ for -."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        own = self.cookie if cookie is None else cookie
        if own:
            sent["Cookie"] = own
        if body is not None:
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body, sent)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def enter(self, role: str) -> Answer:
        """Open a session by the link."""
        target = urlsplit(self.link(role))
        answer = self.ask(f"{target.path}?{target.query}", cookie="")
        assert answer.status == 200
        self.cookie = answer.headers["set-cookie"].partition(";")[0]
        return answer

    def form(self) -> str:
        """What forms of this session bring back."""
        return str(re.search(r'name="form" value="([0-9a-f]+)"', self.ask("/").text)[1])  # type: ignore[index]

    def send(self, path: str, fields: dict[str, str], *, form: str | None = None, **headers: str) -> Answer:
        """A form of the site itself, as a browser sends it."""
        fields = {"form": self.form() if form is None else form, **fields}
        return self.ask(path, method="POST", body=urlencode(fields), **(headers or FROM_HERE))


@contextmanager
def serving(cli: Cli, *args: str) -> Iterator[Site]:
    """Run `jobctl web` on a free port."""
    log = cli.cwd / "web.log"
    with log.open("w") as out:
        process = cli.start("web", "--port", "0", *args, stdout=out, stderr=out)
    site = Site(process, log)
    try:
        eventually(lambda: "Ctrl-C ends it" in log.read_text() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield site
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE_S)
