"""Where a request goes: a fixed origin, and a path and query that a payload may fill but never restructure.

The rule: every value that a template inserts is percent-encoded with no safe characters, in the path and in
the query alike, so that it can hold no `/`, `?`, `#`, `&`, `=` or `+`. A value may neither empty its path
segment nor make it `.` or `..`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

from jobctl.catalog.templates import TemplateProblem, compile_text, is_template
from jobctl.errors import UsageError
from jobctl.handlers.rendering import Names, one_text

_URL = re.compile(r"(?P<origin>https?://[^/?#{}\s\\]+)(?P<target>[/?#].*)?", re.DOTALL | re.IGNORECASE)
_PIECE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|[/?#]", re.DOTALL)
_STATIC_SAFE = "%/:?@!$&'()*+,;=~-._[]"
_SEGMENT_SAFE = _STATIC_SAFE.replace("/", "").replace("?", "")
MAX_SHOWN = 200
"""Characters of a path in a message."""
_PORTS = {"http": 80, "https": 443}
_DOTS = (".", "..")


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: what decides whose server it is."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _PORTS[self.scheme] else f":{self.port}")


class Address:
    """A URL of the catalog, compiled."""

    def __init__(self, url: str, job_type: str) -> None:
        match = _URL.fullmatch(url)
        if match is None:
            raise UsageError(
                f"job {job_type}: the url must be http:// or https:// with a fixed host and port",
                "a payload can fill the path and the query only",
            )
        self.origin, self.credentials = _origin(match["origin"], job_type)
        path, query = _split(match["target"] or "/")
        segments = _cut(path, "/")
        self._segments = [(segment, compile_text(segment, _quoted)) for segment in segments]
        self._shown = [compile_text(segment, one_text) for segment in segments]
        self._query = None if query is None else compile_text(query, _quoted)

    def target(self, known: Names) -> str:
        """Path and query for one payload, ready for the request line. Raises TemplateProblem."""
        segments = [_segment(template, render(known)) for template, render in self._segments]
        target = "/".join(segments)
        if self._query is not None:
            target += "?" + self._query(known)
        return encoded(target)

    def shown(self, known: Names, scrub: Callable[[str], str]) -> str:
        """The URL as messages name it: no user, no query, what is redacted of the payload scrubbed before it is quoted.

        Raises TemplateProblem.
        """
        path = "/".join(quote(scrub(render(known)), safe=_SEGMENT_SAFE) for render in self._shown)
        return f"{self.origin}{path if len(path) <= MAX_SHOWN else path[: MAX_SHOWN - 1] + '…'}"


def redirected(origin: Origin, target: str, location: str) -> str | None:
    """The path and query that a redirect leads to, or None if it leads to another origin."""
    try:
        there = urlsplit(urljoin(f"{origin}{target}", location))
        port = there.port or _PORTS.get(there.scheme)
    except ValueError:
        return None
    if (there.scheme, there.hostname, port) != (origin.scheme, origin.host, origin.port):
        return None
    return encoded((there.path or "/") + (f"?{there.query}" if there.query else ""))


def encoded(target: str) -> str:
    """A path and query with everything percent-encoded that a request line cannot hold."""
    return quote(target, safe=_STATIC_SAFE)


def _origin(text: str, job_type: str) -> tuple[Origin, str | None]:
    parts = urlsplit(text)
    try:
        port = parts.port or _PORTS[parts.scheme]
    except ValueError:
        raise UsageError(f"job {job_type}: the url's port is not a number from 1 to 65535") from None
    if not parts.hostname:
        raise UsageError(f"job {job_type}: the url has no host")
    user = parts.netloc.rpartition("@")[0]
    return Origin(parts.scheme, parts.hostname, port), unquote(user) if user else None


def _split(target: str) -> tuple[str, str | None]:
    """Path and query of a template. A fragment is dropped: it is never sent."""
    target = _cut(target, "#")[0]
    path, *queries = _cut(target, "?")
    return path or "/", "?".join(queries) if queries else None


def _cut(text: str, separator: str) -> list[str]:
    """Split at every separator that stands outside of template tags."""
    parts, start = [], 0
    for match in _PIECE.finditer(text):
        if match.group() == separator:
            parts.append(text[start : match.start()])
            start = match.end()
    return [*parts, text[start:]]


def _segment(template: str, text: str) -> str:
    if text in _DOTS or (is_template(template) and not text):
        raise TemplateProblem(f"the path segment {template!r} becomes {text!r}")
    return text


def _quoted(value: Any) -> str:
    return quote(one_text(value), safe="")
