"""rediss:// with a certificate authority of one's own, through a TLS proxy before a real server."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobctl.errors import RedisUnavailable
from jobctl.store.wire.connection import connect, mapping
from tests.integration.servers import HOST, Node, running
from tests.integration.work import Site

pytestmark = pytest.mark.tools("openssl")  # which makes the certificates


class Proxy:
    """Accepts TLS and passes the bytes on to a server."""

    def __init__(self, certificate: Path, key: Path, port: int) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._target = port
        self._context = context
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(accepted,), daemon=True).start()

    def _serve(self, accepted: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            self._context.wrap_socket(accepted, server_side=True) as client,
            socket.create_connection((HOST, self._target)) as server,
        ):
            threading.Thread(target=_copy, args=(server, client), daemon=True).start()
            _copy(client, server)

    def close(self) -> None:
        self._listener.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError, ValueError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, its key beside it."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=jobctl test",
         "-addext", f"subjectAltName=IP:{HOST}", "-keyout", folder / "key.pem", "-out", folder / "ca.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder / "ca.pem"


@pytest.fixture
def proxy(tmp_path: Path, certificate: Path) -> Iterator[Proxy]:
    server = Node(tmp_path)
    with (
        running(server),
        contextlib.closing(Proxy(certificate, certificate.with_name("key.pem"), server.port)) as proxy,
    ):
        yield proxy


def test_jobs_run_over_tls_with_the_authority_named_in_the_url(tmp_path: Path, proxy: Proxy, certificate: Path) -> None:
    site = Site(tmp_path, {"JOBCTL_REDIS_URL": f"rediss://{HOST}:{proxy.port}/0?ssl_ca_certs={certificate}"})
    with site.worker():
        ran = site.cli("enqueue", "note", "n:=1", "--wait", "--timeout", "60s")
        assert ran.code == 0, ran.err
    assert (tmp_path / "ran-1").exists()


def test_a_server_that_nobody_vouches_for_is_refused(proxy: Proxy) -> None:
    with pytest.raises(RedisUnavailable, match=r"(?i)certificate"), mapping():
        connect(f"rediss://{HOST}:{proxy.port}/0").ping()


def test_a_missing_file_of_authorities_is_named(proxy: Proxy, tmp_path: Path) -> None:
    site = Site(tmp_path, {"JOBCTL_REDIS_URL": f"rediss://{HOST}:{proxy.port}/0?ssl_ca_certs=/none.pem"})
    ran = site.cli("job", "ls")
    assert ran.code == 2
    assert "/none.pem" in ran.err
