"""`http: {...}`: one request. 2xx is success; which other answers are worth a retry is decided here."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from jobctl import clock
from jobctl.catalog.kinds.base import External
from jobctl.catalog.kinds.http import TOKEN, HttpSpec, header_problem
from jobctl.catalog.templates import TemplateProblem, compile_text, compile_value
from jobctl.errors import UsageError
from jobctl.handlers.base import Attempt, Handler, HandlerFailure, Surroundings, interruption
from jobctl.handlers.http_address import Address, redirected
from jobctl.handlers.rendering import Names, checked, compile_setting, names, rendering
from jobctl.scrubbing import Scrubber, scrub
from jobctl.version import __version__

if TYPE_CHECKING:
    from jobctl.handlers.http_exchange import Answer, Pool, Request

MAX_BODY = 65_536
"""How much of an answer is read, in bytes, after decompression."""
MAX_REDIRECTS = 5
MAX_RESULT = 16_384
"""The most characters of an answer that are kept as the job's result."""
MAX_RETRY_AFTER_MS = 86_400_000

_SECRET = ("authorization", "proxy-authorization", "cookie")
_RETRYABLE = (408, 429)
_EXCERPT = 300
MIN_SECRET = 6
"""Shorter parts of a secret header are not looked for in answers: `Bearer abc` would blot out each `abc`."""


class HttpHandler(Handler):
    """Renders and sends one request. The result is `{"status": N, "body": JSON, text or None}`."""

    enforces_deadline = on_loop = True

    def __init__(self, spec: HttpSpec, surroundings: Surroundings) -> None:
        from jobctl.handlers.http_exchange import Client

        self._method = spec.method.upper()
        self._address = Address(spec.url, surroundings.job_type)
        self._headers = _Headers(spec.headers, surroundings, self._address.credentials)
        self._body, self._content_type = _body(spec)
        self._client = Client(self._address.origin, spec.timeout_ms / 1000, MAX_BODY)

    def __call__(self, attempt: Attempt) -> dict[str, Any]:
        from jobctl.handlers.coroutines import run

        if attempt.cancel.cancelled:
            raise interruption(attempt)
        result: dict[str, Any] = run(self._alone(attempt), attempt, self.loop)
        return result

    async def _alone(self, attempt: Attempt) -> dict[str, Any]:
        from jobctl.handlers.http_exchange import Pool

        async with Pool() as pool:
            return await self._attempt(attempt, pool)

    def start(self, attempt: Attempt) -> Coroutine[Any, Any, dict[str, Any]]:
        from jobctl.handlers.http_exchange import shared

        return self._attempt(attempt, shared())

    def close(self) -> None:
        from jobctl.handlers.http_exchange import close_shared

        close_shared()

    async def _attempt(self, attempt: Attempt, pool: Pool) -> dict[str, Any]:
        request, secrets = self._request(attempt)
        try:
            answer = await self._follow(request, attempt, pool)
            cut = len(answer.body) >= MAX_BODY
            text = scrub(secrets, answer.body.decode(errors="replace"), end=cut)
            if 200 <= answer.status < 300:
                return {"status": answer.status, "body": _result(answer, text, partial(attempt.scrub, end=cut))}
            raise _failure(request, answer, attempt.scrub(text, end=cut))
        except HandlerFailure as failure:  # what the other side says may hold what it was sent, wherever it says it
            failure.args = (scrub(secrets, str(failure)),)
            raise

    def _request(self, attempt: Attempt) -> tuple[Request, Scrubber | None]:
        from jobctl.handlers.http_exchange import Request

        with rendering():
            known = names(attempt)
            target, shown = self._address.target(known), self._address.shown(known, attempt.scrub)
            body = None if self._body is None else self._body(known)
            given, secrets = self._headers.render(known)
        headers = {
            "User-Agent": f"jobctl/{__version__}",
            "Accept-Encoding": "identity",
            "Idempotency-Key": _one_line(f"{attempt.queue}/{attempt.job_id}"),  # an id is unique in its queue only
            "X-Jobctl-Attempt": str(attempt.number),
            **({"Content-Type": self._content_type} if self._content_type else {}),
        }
        replaced = {name.lower() for name in given}
        headers = {name: value for name, value in headers.items() if name.lower() not in replaced}
        return Request(self._method, target, shown, {**headers, **given}, body), secrets

    async def _follow(self, request: Request, attempt: Attempt, pool: Pool) -> Answer:
        """The last answer. Redirects are followed on the same origin only."""
        for _ in range(MAX_REDIRECTS + 1):
            answer = await self._send(request, attempt, pool)
            location = answer.headers.get("location")
            if answer.status not in (301, 302, 303, 307, 308) or location is None:
                return answer
            if answer.status < 307 and request.method not in ("GET", "HEAD"):
                raise _redirect(
                    request, f"answered {answer.status}, a redirect that does not keep the method {request.method}"
                )
            target = redirected(self._address.origin, request.target, location)
            if target is None:
                raise _redirect(request, "redirects to another host; only hosts in the catalog are allowed")
            request = replace(request, target=target)
        raise _redirect(request, f"more than {MAX_REDIRECTS} redirects")

    async def _send(self, request: Request, attempt: Attempt, pool: Pool) -> Answer:
        """One exchange; what came of it is a line of the job's log."""
        began = clock.monotonic()
        told = "was broken off"
        try:
            answer = await self._client.send(request, attempt, pool)
            told = f"answered {answer.status}, {len(answer.body)} bytes"
            return answer
        except HandlerFailure as failure:
            told = f"failed: {failure.error}"
            raise
        finally:
            attempt.log("log", f"{request.method} {request.shown} {told} ({clock.monotonic() - began:.3f} s)")


def _redirect(request: Request, why: str) -> HandlerFailure:
    return HandlerFailure("HttpRedirect", f"{request.method} {request.shown}: {why}", retryable=False)


def _failure(request: Request, answer: Answer, text: str) -> HandlerFailure:
    excerpt = " ".join(text[: _EXCERPT * 2].split())[:_EXCERPT]
    reason = f" {answer.reason}" if answer.reason else ""
    return HandlerFailure(
        "HttpStatus",
        f"{request.method} {request.shown} answered {answer.status}{reason}" + (f": {excerpt}" if excerpt else ""),
        match=(f"http:{answer.status}", f"http:{answer.status // 100}xx"),
        retryable=answer.status in _RETRYABLE or answer.status >= 500,
        retry_after_ms=retry_after_ms(answer.headers.get("retry-after")),
    )


def build(spec: HttpSpec, surroundings: Surroundings) -> HttpHandler:
    """Compile the request. Raises UsageError, TemplateProblem."""
    if not TOKEN.fullmatch(spec.method):
        raise UsageError(f"job {surroundings.job_type}: {spec.method!r} is not an HTTP method")
    return HttpHandler(spec, surroundings)


def retry_after_ms(value: str | None) -> int | None:
    """`Retry-After` (RFC 9110, 10.2.3), seconds or a date, as a delay of at most 24 hours, or None."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:12]) * 1000, MAX_RETRY_AFTER_MS)
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        return None
    return max(0, min(clock.to_ms(moment) - clock.now_ms(), MAX_RETRY_AFTER_MS))


class _Headers:
    """The catalog's headers, compiled. Values that are secret are known, so that they can be blotted out."""

    def __init__(
        self, headers: Mapping[str, str | External], surroundings: Surroundings, credentials: str | None
    ) -> None:
        for name, value in headers.items():
            if problem := header_problem(name, value):
                raise UsageError(f"job {surroundings.job_type}: {name!r}: {problem}")
        self._render = {name: compile_setting(value, surroundings) for name, value in headers.items()}
        self._secret = {
            name for name, value in headers.items() if isinstance(value, External) or name.lower() in _SECRET
        }
        self._basic, self._inside = None, []
        if credentials is not None and "authorization" not in {name.lower() for name in headers}:
            self._basic = _basic(credentials)
            self._inside = [credentials, credentials.partition(":")[2]]

    def render(self, known: Names) -> tuple[dict[str, str], Scrubber | None]:
        """The headers, and what takes the secrets among their values out of texts."""
        texts = {name: render(known) for name, render in self._render.items()}
        secrets = [texts[name] for name in self._secret]
        if self._basic is not None:
            texts["Authorization"] = self._basic
            secrets += [self._basic, *self._inside]
        parts = (part for secret in secrets for part in (secret, *secret.split()) if len(part) >= MIN_SECRET)
        return {name: _one_line(text) for name, text in texts.items()}, Scrubber.of(parts)


def _basic(credentials: str) -> str:
    """RFC 7617; a user without a password still has the colon."""
    pair = credentials if ":" in credentials else credentials + ":"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _one_line(text: str) -> str:
    """A header's value, which is sent as UTF-8; no line break, no NUL."""
    if any(character in text for character in "\r\n\0"):
        raise HandlerFailure("TemplateProblem", "a header would hold a line break or a NUL", retryable=False)
    return text.encode("utf-8", "replace").decode()


def _body(spec: HttpSpec) -> tuple[Callable[[Names], bytes] | None, str | None]:
    """What makes the body, and its content type if we know it."""
    if spec.json is not None:
        value = compile_value(spec.json)
        return lambda known: _json_bytes(value(known)), "application/json"
    if spec.body is not None:
        text = compile_text(spec.body)
        return lambda known: checked(text(known)).encode(), None
    return None, None


def _json_bytes(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except ValueError as error:  # not a number, or half of a surrogate pair
        raise TemplateProblem(f"the body cannot be sent as JSON: {error}") from error


def _result(answer: Answer, text: str, scrub: Callable[[str], str]) -> Any:
    """The body as JSON if its content type says so and it is short enough to keep; otherwise its text, scrubbed and
    cut."""
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if len(text) <= MAX_RESULT and (media_type == "application/json" or media_type.endswith("+json")):
        try:
            return json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            pass
    return scrub(text)[:MAX_RESULT] or None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
