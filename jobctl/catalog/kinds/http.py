"""`http: {...}`: one request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from jobctl.catalog.kinds.base import External, Kind, Spec, read_secrets

if TYPE_CHECKING:
    from jobctl.catalog.problems import Path
    from jobctl.catalog.report import Report
    from jobctl.catalog.shapes import Field

TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, 5.6.2
_FRAMING = ("content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_ORIGIN = r"(?i:https?)://(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?"


class HttpSpec(Spec, frozen=True, tag="http"):
    """`http: {...}`. Scheme, host, port of `url` are fixed; path, query, headers and body may be templates.

    At most one of `json` (any JSON shape whose strings may be templates) and `body` (a template) is set.
    """

    url: str
    method: str = "POST"
    headers: Mapping[str, str | External] = {}
    json: Any = None
    body: str | None = None
    timeout_ms: int = 30_000


class _HttpKind(Kind):
    spec = HttpSpec
    templates = True

    def field(self) -> Field:
        from jobctl.catalog.fields import Choice
        from jobctl.catalog.readers import DURATION, HEADER_NAME, SECRET, TEMPLATE
        from jobctl.catalog.shapes import Field, MapOf, Object
        from jobctl.catalog.values import Json

        reader = Object(
            {
                "url": Field(
                    TEMPLATE,
                    "An absolute http(s) URL. Path and query may be templates, host and port not.",
                    required=True,
                ),
                "method": Field(Choice(METHODS), "The request's method; POST if not given."),
                "headers": Field(MapOf(SECRET, HEADER_NAME), "Headers; values may be templates."),
                "json": Field(Json(), "The body as JSON; strings inside may be templates."),
                "body": Field(TEMPLATE, "The body as text; may be a template."),
                "timeout": Field(DURATION, "How long one request may take; 30s if not given."),
            },
            "a mapping with `url`",
            rule={"not": {"required": ["json", "body"]}},
        )
        return Field(reader, "An HTTP request to send.")

    def read(self, value: Any, path: Path, report: Report) -> HttpSpec:
        values: Mapping[str, Any] = value
        _check_url(values["url"], (*path, "url"), report)
        if "json" in values and "body" in values:
            report.add((*path, "body"), "expected at most one of `json` and `body`, found both")
        headers = read_secrets(values.get("headers", {}), (*path, "headers"), report)
        for name, value in headers.items():
            if problem := header_problem(name, value):
                report.add((*path, "headers", name), problem)
        spec = HttpSpec(values["url"], headers=headers, json=values.get("json"), body=values.get("body"))
        return msgspec.structs.replace(
            spec,
            method=values.get("method", spec.method),
            timeout_ms=values.get("timeout", spec.timeout_ms),
        )


def header_problem(name: str, value: str | External) -> str | None:
    """Why a header cannot be sent, or None."""
    from jobctl.catalog.templates import is_template

    if not TOKEN.fullmatch(name):
        return "expected the name of a header"
    if name.lower() in _FRAMING:
        return f"the header {name} cannot be set: jobctl sets it from the connection and the body"
    if name.lower() == "host" and isinstance(value, str) and is_template(value):
        return "the header Host cannot be a template: a payload must not choose the host"
    if isinstance(value, str) and re.search(r"[\r\n]", value):
        return "a header value must be one line, found several"
    return None


def _check_url(url: str, path: Path, report: Report) -> None:
    """Scheme, host and port must be fixed, so that no payload can choose where a request goes."""
    from jobctl.catalog.report import shown
    from jobctl.catalog.templates import is_template

    origin = re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]
    if "{" in origin or is_template(url.partition("://")[0]):
        report.add(
            path,
            f"scheme, host and port cannot be templates, found {shown(url)}",
            "only path and query may be templates",
        )
        return
    match = re.match(_ORIGIN, url)
    if match is None or url[match.end() : match.end() + 1] not in ("", "/", "?", "#"):
        hint = "pass credentials in a header with `{env: NAME}`" if "@" in origin else ""
        report.add(path, f"expected an absolute http(s) URL, found {shown(url)}", hint)
    elif match["port"] and not 0 < int(match["port"]) < 65536:
        report.add(path, f"expected a port from 1 to 65535, found {match['port']}")
    elif re.search(r"[\s\x00-\x1f]", re.sub(r"\{[{%#].*?[}%#]\}", "", url, flags=re.DOTALL)):
        report.add(path, f"a URL cannot contain spaces, found {shown(url)}", "write %20 for a space")


KIND = _HttpKind()
