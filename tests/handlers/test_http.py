"""Requests to a real local server."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate
from urllib.parse import unquote

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from jobctl import __version__
from jobctl.catalog.kinds.base import External
from jobctl.catalog.kinds.http import HttpSpec
from jobctl.catalog.templates import TemplateProblem
from jobctl.clock import now_ms
from jobctl.errors import UsageError
from jobctl.handlers import http_exchange
from jobctl.handlers.base import Attempt, AttemptCancelled, AttemptTimeout, Handler, HandlerFailure
from jobctl.handlers.http import retry_after_ms
from jobctl.handlers.http_address import Address, Origin, redirected
from jobctl.redaction import scrubber
from tests.support import PATIENCE_S

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
HOSTILE = st.sampled_from(["../..", "..", "/", "//evil.example/", "@evil", "?a=b", "&x=1", "#f", "%2e%2e", "\r\nX: y"])


@pytest.fixture
def send(handler, new_run):
    """Build a request and send it with a payload."""
    return lambda spec, payload=None, **env: handler(spec, **env)(new_run(payload).attempt)


def failure(send, *arguments, **env) -> HandlerFailure:
    with pytest.raises(HandlerFailure) as caught:
        send(*arguments, **env)
    return caught.value


def test_a_request_carries_the_payload_and_who_asks(send, server):
    spec = HttpSpec(f"{server.url}/orders/{{{{ id }}}}?q={{{{ q }}}}&fix=1", json="{{ payload }}")
    payload = {"id": "a/b?c", "q": "x&y=z +é", "n": [1, None]}
    send(spec, payload)
    (got,) = server.received
    assert (got.method, got.target) == ("POST", "/orders/a%2Fb%3Fc?q=x%26y%3Dz%20%2B%C3%A9&fix=1")
    assert got.body == '{"id": "a/b?c", "q": "x&y=z +é", "n": [1, null]}'.encode()
    assert got.headers["content-type"] == "application/json"
    assert got.headers["user-agent"] == f"jobctl/{__version__}"
    assert (got.headers["idempotency-key"], got.headers["x-jobctl-attempt"]) == ("default/job-1", "1")


def test_headers_come_from_templates_and_from_outside(send, server):
    headers = {"X-City": "{{ city }}", "Authorization": External("env", "TOKEN"), "User-Agent": "mine"}
    send(HttpSpec(server.url, headers=headers, body="hi {{ city }}"), {"city": "Zürich"}, TOKEN="Bearer t")
    (got,) = server.received
    assert got.headers["x-city"].encode("latin-1").decode() == "Zürich"
    assert (got.headers["authorization"], got.headers["user-agent"]) == ("Bearer t", "mine")
    assert got.body.decode() == "hi Zürich"


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\0b", None])
def test_a_value_that_would_break_a_header_is_refused(send, server, value):
    problem = failure(send, HttpSpec(server.url, headers={"X-A": "{{ v }}"}), {"v": value})
    assert (problem.error, problem.retryable) == ("TemplateProblem", False)
    assert server.received == []


def test_json_answers_become_the_result(send, server, reply):
    server.replies = [reply(201, {"Content-Type": "application/json; charset=utf-8"}, b'{"id": 7}')]
    assert send(HttpSpec(server.url)) == {"status": 201, "body": {"id": 7}}


@pytest.mark.parametrize("body", [b"plain", b'{"n": NaN}', b"[" * 5000, b"\xff"])
def test_what_is_not_json_stays_text(send, server, reply, body):
    server.replies = [reply(200, {"Content-Type": "application/json"}, body)]
    assert send(HttpSpec(server.url))["body"] == body.decode(errors="replace")


def test_a_large_answer_is_cut_and_an_empty_one_is_none(send, server, reply):
    server.replies = [reply(200, {}, b"x" * 3_000_000), reply(204)]
    assert send(HttpSpec(server.url)) == {"status": 200, "body": "x" * 16_384}
    assert send(HttpSpec(server.url)) == {"status": 204, "body": None}


def test_what_is_redacted_is_scrubbed_before_an_answer_is_cut_and_json_stays_json(handler, new_run, server, reply):
    secret = {"to": "ada@example.com", "pin": 123456}
    clean = scrubber(("to", "pin"), secret)

    def send(status, headers, body):
        server.replies = [reply(status, headers, body)]
        return handler(HttpSpec(server.url))(replace(new_run(secret).attempt, scrub=clean))

    assert send(200, {"Content-Type": "application/json"}, b'{"n": 123456}')["body"] == {"n": 123456}
    with pytest.raises(HandlerFailure) as caught:
        send(400, {}, b"-" * 290 + b" no such address ada@example.com")
    assert "ada" not in str(caught.value)
    for padding in (16_384 - 5, 65_536 - 5):
        body = send(200, {}, b"-" * padding + b"ada@example.com and more")["body"]
        assert "ada" not in body


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(408, True), (429, True), (500, True), (503, True), (404, False), (422, False), (304, False)],
)
def test_which_answers_are_worth_a_retry(send, server, reply, status, retryable):
    server.replies = [reply(status)]
    problem = failure(send, HttpSpec(server.url))
    assert (problem.error, problem.retryable) == ("HttpStatus", retryable)
    assert problem.match == (f"http:{status}", f"http:{status // 100}xx")


def test_retry_after_is_passed_on(send, server, reply):
    server.replies = [reply(503, {"Retry-After": "120"})]
    assert failure(send, HttpSpec(server.url)).retry_after_ms == 120_000


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ("0", 0, 0),
        ("7", 7_000, 7_000),
        ("9" * 5_000, 86_400_000, 86_400_000),
        ("Thu, 01 Jan 2015 00:00:00 GMT", 0, 0),
    ],
)
def test_retry_after_in_seconds_or_as_a_date_stays_within_a_day(value, low, high):
    assert low <= (retry_after_ms(value) or 0) <= high


def test_retry_after_as_a_coming_date():
    delay = retry_after_ms(formatdate(now_ms() / 1000 + 100, usegmt=True))
    assert delay is not None
    assert 95_000 <= delay <= 100_000


@pytest.mark.parametrize("value", [None, "", "soon", "-5", "1.5", "٣"])
def test_an_unreadable_retry_after_is_none(value):
    assert retry_after_ms(value) is None


def test_secrets_never_reach_messages_or_results(send, server, reply):
    url = server.url.replace("http://", "http://bob:hunter22@") + "/x?token={{ t }}"
    spec = HttpSpec(url, headers={"X-Key": External("env", "KEY")})
    send(spec, {"t": "1"}, KEY="topsecret")
    sent = server.received[0].headers["authorization"]
    assert sent == "Basic Ym9iOmh1bnRlcjIy"
    server.replies = [reply(500, {}, f"you sent {sent} and topsecret".encode()), reply(200, {}, b"topsecret")]
    message = str(failure(send, spec, {"t": "payload-value"}, KEY="topsecret"))
    assert "answered 500" in message
    for secret in ("hunter22", "Ym9iOmh1bnRlcjIy", "topsecret", "payload-value", "bob"):
        assert secret not in message
    assert send(spec, {"t": "1"}, KEY="topsecret")["body"] == "[redacted]"


@pytest.mark.parametrize(
    "body",
    [
        b'{"you sent": "to\\/pse\\u0063ret"}',
        b'{"you sent": "\\u0074\\u006f\\u002f\\u0070\\u0073\\u0065\\u0063\\u0072\\u0065\\u0074"}',
        b'{"inner": "{\\"you sent\\": \\"to\\\\/psecret\\"}"}',
        b"you sent to%2Fpsecret",
    ],
)
@pytest.mark.parametrize("status", [200, 500])
def test_a_secret_that_comes_back_in_another_spelling_is_found(send, server, reply, body, status):
    spec = HttpSpec(server.url, headers={"X-Key": External("env", "KEY")})
    headers = {"Content-Type": "application/json"} if body[:1] == b"{" else {}
    server.replies = [reply(status, headers, body)]
    if status == 200:
        told = json.dumps(send(spec, KEY="to/psecret")["body"])
    else:
        told = str(failure(send, spec, KEY="to/psecret"))
    assert "[redacted]" in told
    assert "secret" not in json.dumps(json.loads(told)) if status == 200 else "secret" not in told


def test_a_secret_in_a_reason_phrase_is_found(send, server, reply):
    spec = HttpSpec(server.url, headers={"X-Key": External("env", "KEY")})
    server.replies = [reply(403, {}, b"", reason="no access for topsecret")]
    message = str(failure(send, spec, KEY="topsecret"))
    assert "no access for [redacted]" in message
    assert "topsecret" not in message


def test_redirects_are_followed_on_the_same_origin(send, server, reply):
    server.replies = [
        reply(302, {"Location": "/b"}),
        reply(307, {"Location": f"{server.url}/c?d=1"}),
        reply(),
    ]
    send(HttpSpec(f"{server.url}/a", method="GET"))
    assert [got.target for got in server.received] == ["/a", "/b", "/c?d=1"]


def test_a_post_is_repeated_on_308_with_its_body_and_not_on_302(send, server, reply):
    server.replies = [reply(308, {"Location": "/b"}), reply()]
    send(HttpSpec(f"{server.url}/a", body="x"))
    assert [(got.method, got.body) for got in server.received] == [("POST", b"x")] * 2
    server.replies = [reply(302, {"Location": "/b"})]
    problem = failure(send, HttpSpec(f"{server.url}/a", body="x"))
    assert (problem.error, problem.retryable) == ("HttpRedirect", False)


def test_redirects_have_an_end(send, server, reply):
    server.replies = [reply(302, {"Location": "/again"})]
    assert failure(send, HttpSpec(server.url, method="GET")).error == "HttpRedirect"
    assert len(server.received) == 6


def test_a_redirect_to_another_host_is_not_followed(send, server, reply):
    server.replies = [reply(307, {"Location": "http://localhost:1/"})]
    problem = failure(send, HttpSpec(server.url))
    assert (problem.error, problem.retryable) == ("HttpRedirect", False)
    assert len(server.received) == 1


@pytest.mark.parametrize(
    "location", ["https://h/x", "http://h:81/", "//evil/", "http://h@evil/", "ftp://h/", "http://h:x/"]
)
def test_what_is_another_origin(location):
    assert redirected(Origin("http", "h", 80), "/a", location) is None


def test_a_refused_connection_is_retried(send):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        problem = failure(send, HttpSpec(f"http://127.0.0.1:{free.getsockname()[1]}/x"))
    assert (problem.error, problem.retryable) == ("HttpError", True)
    assert "refused" in str(problem)


def test_silence_is_a_timeout_of_the_request(send):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        spec = HttpSpec(f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout_ms=100)
        problem = failure(send, spec)
    assert (problem.error, problem.match, problem.retryable) == ("HttpTimeout", ("timeout",), True)


def test_a_server_that_drips_is_cut_off_at_the_deadline(handler, new_run, server, reply):
    server.replies = [reply(hold=threading.Event())]
    with pytest.raises(AttemptTimeout):
        handler(HttpSpec(server.url))(new_run(seconds=0.3).attempt)


def test_a_server_that_drips_is_cut_off_at_the_requests_own_limit(send, server, reply):
    server.replies = [reply(hold=threading.Event())]
    problem = failure(send, HttpSpec(server.url, timeout_ms=300))
    assert (problem.error, problem.match, problem.retryable) == ("HttpTimeout", ("timeout",), True)


def test_half_a_body_whose_end_did_not_come_in_time_is_a_timeout(handler, new_run, server, reply):
    """Without Content-Length the end of the connection is the end of the body, whoever ended it."""
    server.replies = [reply(body=b"half a bo", hold=threading.Event(), stall=True)]
    with pytest.raises(AttemptTimeout):
        handler(HttpSpec(server.url))(new_run(seconds=0.3).attempt)
    problem = failure(handler(HttpSpec(server.url, timeout_ms=300)), new_run().attempt)
    assert problem.error == "HttpTimeout"


def test_half_a_body_of_a_cancelled_request_is_no_answer(handler, new_run, server, reply):
    server.replies = [reply(body=b"half a bo", hold=threading.Event(), stall=True)]
    run = new_run()
    canceller = threading.Thread(
        target=lambda: (server.dripping.wait(PATIENCE_S), run.attempt.cancel.cancel("cancelled"))
    )
    canceller.start()
    with pytest.raises(AttemptCancelled):
        handler(HttpSpec(server.url))(run.attempt)
    canceller.join()


def test_a_cancel_closes_the_connection(handler, new_run, server, reply):
    server.replies = [reply(hold=threading.Event())]
    run = new_run()

    def cancel() -> None:
        server.dripping.wait(PATIENCE_S)
        run.attempt.cancel.cancel("cancelled")

    canceller = threading.Thread(target=cancel)
    canceller.start()
    with pytest.raises(AttemptCancelled):
        handler(HttpSpec(server.url))(run.attempt)
    canceller.join()


def test_an_untrusted_certificate_is_an_error(send, server):
    assert failure(send, HttpSpec(server.url.replace("http", "https"))).error == "HttpError"


@pytest.mark.parametrize(
    "url",
    [
        "http://{{ host }}/",
        "{{ url }}",
        "http://h{{ x }}/",
        "http://h:{{ port }}/",
        "ftp://h/",
        "http://h:99999/",
        "h/x",
        "http:///x",
    ],
)
def test_an_address_that_is_not_fixed_is_a_usage_error(handler, url):
    with pytest.raises(UsageError):
        handler(HttpSpec(url))


@pytest.mark.parametrize("headers", [{"Host": "{{ h }}"}, {"Content-Length": "1"}, {"X\r\nY": "1"}, {"{{ n }}": "1"}])
def test_headers_that_cannot_be_set(handler, headers):
    with pytest.raises(UsageError):
        handler(HttpSpec("http://h/", headers=headers))


@settings(max_examples=300)
@given(value=st.one_of(TEXT, HOSTILE, st.builds("".join, st.lists(HOSTILE | TEXT, max_size=3))))
def test_no_value_changes_anything_but_its_own_segment_and_parameter(value):
    address = Address("http://h.example:81/a/{{ v }}/x{{ v }}?k={{ v }}&last=1", "sample")
    assert (address.origin, address.credentials) == (Origin("http", "h.example", 81), None)
    try:
        target = address.target({"v": value})
    except TemplateProblem:
        assert value in ("", ".", "..")
        return
    assume(value)
    path, _, query = target.partition("?")
    assert [unquote(segment) for segment in path.split("/")] == ["", "a", value, f"x{value}"]
    assert [unquote(part) for part in query.split("&")] == [f"k={value}", "last=1"] or "&" in value
    assert query.count("&") == 1
    assert query.count("=") == 2
    assert target.isascii()
    assert not set(target) & set("\r\n #\\")


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_a_path_segment_is_neither_emptied_nor_made_to_climb(value):
    with pytest.raises(TemplateProblem):
        Address("http://h/a/{{ v }}", "sample").target({"v": value})


def test_messages_show_the_address_as_it_was_asked_for_but_neither_user_nor_query_nor_what_is_redacted():
    address = Address("https://u:p@h.example/a/{{ v }}/x{{ to }}?t={{ v }}#f", "sample")
    known = {"v": "acme/1", "to": "ada@example.com"}
    assert address.shown(known, scrubber(("to",), known)) == "https://h.example/a/acme%2F1/x[redacted]"
    assert len(address.shown({**known, "v": "x" * 5_000}, str)) < 250


def test_a_failure_names_the_address_that_was_asked_for(send, server, reply):
    server.replies = [reply(503)]
    problem = failure(send, HttpSpec(f"{server.url}/hook/{{{{ tenant }}}}"), {"tenant": "acme"})
    assert str(problem) == f"POST {server.url}/hook/acme answered 503 Service Unavailable"
    gone = failure(send, HttpSpec("http://127.0.0.1:1/hook/{{ tenant }}"), {"tenant": "acme"})
    assert str(gone).startswith("http://127.0.0.1:1/hook/acme: ")


def test_every_exchange_is_a_line_of_the_log(handler, new_run, server, reply):
    server.replies = [reply(307, {"Location": "/b"}), reply(200, {}, b"hello"), reply(500)]
    run = new_run()
    call = handler(HttpSpec(f"{server.url}/a"))
    call(run.attempt)
    with pytest.raises(HandlerFailure):
        call(run.attempt)
    with pytest.raises(HandlerFailure):
        handler(HttpSpec("http://127.0.0.1:1/"))(run.attempt)
    told = [re.sub(r" \([\d.]+ s\)$", "", line) for line in run.texts("log")]
    assert told == [
        f"POST {server.url}/a answered 307, 0 bytes",
        f"POST {server.url}/a answered 200, 5 bytes",
        f"POST {server.url}/a answered 500, 0 bytes",
        "POST http://127.0.0.1:1/ failed: HttpError",
    ]


@contextmanager
def speaking(serve: Callable[[socket.socket], object]) -> Iterator[str]:
    """A server that does as `serve` does with each connection; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(PATIENCE_S)


def one_request(connection: socket.socket) -> bytes:
    read = b""
    while b"\r\n\r\n" not in read and (more := connection.recv(65_536)):
        read += more
    return read


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def on_one_loop(handler: Handler, attempts: list[Attempt]) -> list[object]:
    """What attempts come to, one after the other, with the connections of one loop."""

    async def all_of_them() -> list[object]:
        try:
            return [(await asyncio.gather(handler.start(attempt), return_exceptions=True))[0] for attempt in attempts]
        finally:
            await http_exchange.shared().close()

    return asyncio.run(all_of_them())


def test_a_connection_serves_several_requests_and_one_that_closes_meanwhile_fails_none(handler, new_run):
    connections, requests = [], []

    def serve(connection: socket.socket) -> None:
        connections.append(connection)
        with connection:
            for _ in range(2 if len(connections) == 1 else 1):
                requests.append(one_request(connection))
                connection.sendall(OK)
            requests.append(one_request(connection))  # and no answer

    with speaking(serve) as url:
        came = on_one_loop(handler(HttpSpec(url, body="x")), [new_run().attempt for _ in range(3)])
    assert [answer["body"] for answer in came] == ["ok"] * 3
    assert len(connections) == 2
    assert len(list(filter(None, requests))) == 4, "the third was sent on a connection that closed, and again"


def test_a_request_is_sent_once_if_its_kept_connection_closes_after_some_work(handler, new_run, monkeypatch):
    requests, worked = [], threading.Event()
    monkeypatch.setattr(http_exchange, "MEANWHILE_S", 0.05)

    def serve(connection: socket.socket) -> None:
        with connection:
            requests.append(one_request(connection))
            connection.sendall(OK)
            requests.append(one_request(connection))
            worked.wait(0.2)  # and no answer

    with speaking(serve) as url:
        first, second = on_one_loop(handler(HttpSpec(url, body="x")), [new_run().attempt for _ in range(2)])
    assert first["body"] == "ok"
    assert isinstance(second, HandlerFailure)
    assert (second.error, second.retryable, len(requests)) == ("HttpError", True, 2)


def test_a_request_is_sent_once_if_its_new_connection_closes(handler, new_run):
    requests = []

    def serve(connection: socket.socket) -> None:
        with connection:
            requests.append(one_request(connection))

    with speaking(serve) as url:
        (came,) = on_one_loop(handler(HttpSpec(url)), [new_run().attempt])
    assert isinstance(came, HandlerFailure)
    assert (came.error, came.retryable, len(requests)) == ("HttpError", True, 1)


def test_an_answer_that_breaks_off_is_no_answer(handler, new_run):
    def serve(connection: socket.socket) -> None:
        with connection:
            one_request(connection)
            connection.sendall(OK[:-1])

    with speaking(serve) as url:
        (came,) = on_one_loop(handler(HttpSpec(url)), [new_run().attempt])
    assert isinstance(came, HandlerFailure)
    assert (came.error, came.retryable) == ("HttpError", True)
    assert str(came).endswith("the answer broke off, or cannot be decoded")


def test_what_is_no_http_is_an_error_that_does_not_show_the_query(handler, new_run):
    def serve(connection: socket.socket) -> None:
        with connection:
            one_request(connection)
            connection.sendall(b"220 mail.example.com ESMTP\r\n\r\n")

    with speaking(serve) as url:
        (came,) = on_one_loop(handler(HttpSpec(url + "?token={{ t }}")), [new_run({"t": "sesame"}).attempt])
    assert isinstance(came, HandlerFailure)
    assert came.error == "HttpError"
    assert "sesame" not in str(came)


def test_the_time_for_which_others_block_the_loop_is_not_the_requests(handler, new_run):
    arrived, answer = threading.Event(), threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection:
            one_request(connection)
            arrived.set()
            answer.wait(PATIENCE_S)
            connection.sendall(OK)

    async def blocked(call: Handler) -> object:
        task = asyncio.ensure_future(call.start(new_run().attempt))
        while not arrived.is_set():
            await asyncio.sleep(0.001)
        answer.set()
        time.sleep(2.5)
        try:
            return await task
        finally:
            await http_exchange.shared().close()

    with speaking(serve) as url:
        assert asyncio.run(blocked(handler(HttpSpec(url, timeout_ms=1_000)))) == {"status": 200, "body": "ok"}
