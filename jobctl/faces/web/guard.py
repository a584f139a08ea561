"""The gate in front of every page: the host's name, the site that asks, the session, and headers for the browser."""

from __future__ import annotations

from collections.abc import Collection, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jobctl.faces.web.tokens import LOOK, Tokens

COOKIE = "jobctl_session"
OPEN = ("/login", "/static/app.css", "/static/app.js", "/static/icon.svg")
"""What is served without a session: nothing of it tells anything."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}


class Guard:
    """Lets through what may be asked. `state.role` of a request says what its session allows, `state.cookie` what
    forms are signed for."""

    def __init__(self, app: ASGIApp, tokens: Tokens, hosts: Collection[str], root: str) -> None:
        self._app = app
        self._tokens = tokens
        self._hosts = frozenset(host.lower() for host in hosts)
        self._root = root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if self._root and path == self._root:
            await RedirectResponse(f"{path}/")(scope, receive, send)  # the cookie is for what is below
            return
        if self._root and path.startswith(f"{self._root}/"):
            path = path.removeprefix(self._root)  # a proxy may leave it there, or take it off
        scope = {**scope, "path": path, "raw_path": path.encode(), "root_path": ""}
        headers = Headers(scope=scope)
        refused = self._refusal(scope, headers) or self._enter(scope, headers)

        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    own[name] = value
            await send(message)

        await (refused or self._app)(scope, receive, protected)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        """Why a request is refused whoever asks."""
        host = headers.get("host", "")
        if _name(host) not in self._hosts:
            return _refused(421, "this server is not known by that name: add it with --allow-host")
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return _refused(405, "only GET, HEAD and POST are served")
        site = headers.get("sec-fetch-site")
        if scope["method"] == "POST":
            own = site == "same-origin" or (site is None and _origin(headers.get("origin")) == host.lower())
            return None if own else _refused(403, "a form of another site changes nothing here")
        navigates = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        if site in ("cross-site", "same-site") and not navigates:
            return _refused(403, "another site may not read this")
        return None

    def _enter(self, scope: Scope, headers: Headers) -> Response | None:
        """Say what the session allows, or why there is none."""
        state: MutableMapping[str, Any] = scope.setdefault("state", {})
        cookie = _cookie(headers.get("cookie", ""))
        role = self._tokens.role_of(cookie) if cookie else None
        if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            role = None  # a browser that knows SameSite=Strict sends no cookie then
        if role is None and scope["method"] != "POST":
            kind, _, token = headers.get("authorization", "").partition(" ")
            if kind.lower() == "bearer" and self._tokens.role(token) is not None:
                role = LOOK
        state["role"], state["cookie"] = role, cookie
        if role is not None or scope["path"] in OPEN:
            return None
        text = (
            f'<!doctype html><title>jobctl</title><p>Open this with its token: <a href="{self._root}/login">log in</a>.'
        )
        return Response(text, 401, {"www-authenticate": "Bearer"}, media_type="text/html")


def _refused(status: int, why: str) -> Response:
    return PlainTextResponse(f"{why}\n", status)


def _name(host: str) -> str:
    """The name in a Host header, without its port."""
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdigit() else host.lower()


def _origin(origin: str | None) -> str | None:
    return None if origin is None else urlsplit(origin).netloc.lower()


def _cookie(header: str) -> str:
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""
