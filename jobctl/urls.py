"""Redis URLs: which are understood, where a password hides in one, and how to show one without it."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from jobctl.errors import UsageError

SCHEMES = ("redis", "rediss", "unix")
_QUERY_PASSWORD = re.compile(r"([?&]password=)[^&#]*", re.IGNORECASE)


def redacted(url: str) -> str:
    """The URL as it may be shown to anyone: the password is `***`, however badly the URL is formed."""
    head, separator, rest = url.partition("://")
    userinfo, at, host = rest.rpartition("@")
    if separator and at and ":" in userinfo:
        rest = f"{userinfo.partition(':')[0]}:***@{host}"
    return _QUERY_PASSWORD.sub(r"\1***", f"{head}{separator}{rest}")


def split_password(url: str) -> tuple[str, str | None]:
    """The URL without its password, and the password (decoded), or None.

    Raises UsageError when the URL cannot be read, which includes a scheme that jobctl does not speak.
    """
    check(url)
    parts = urlsplit(url)
    password = unquote(parts.password) if parts.password else None
    netloc = parts.netloc
    if "@" in netloc:
        userinfo, _, host = netloc.rpartition("@")
        user = userinfo.partition(":")[0]
        netloc = f"{user}@{host}" if user else host
    query = parse_qsl(parts.query, keep_blank_values=True)
    password = next((value for key, value in query if key.lower() == "password"), password)
    rest = urlencode([(key, value) for key, value in query if key.lower() != "password"])
    bare = urlunsplit((parts.scheme, netloc, parts.path, rest, ""))
    if parts.scheme == "unix" and not netloc:
        bare = f"unix://{parts.path}" + (f"?{rest}" if rest else "")
    return bare, password


def check(url: str) -> None:
    """Raise UsageError unless `url` is a Redis URL that jobctl can connect to."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise UsageError(
            f"{redacted(url)!r} is not a Redis URL", "write redis://HOST:PORT/DB, rediss://… or unix:///PATH"
        )
    if scheme.startswith(("redis+sentinel", "rediss+sentinel", "sentinel")):
        raise UsageError("Sentinel URLs are not supported yet", "give the address of the current primary")
    if scheme not in SCHEMES:
        raise UsageError(f"a Redis URL cannot begin with {scheme}://", "use redis://, rediss:// or unix://")
    _check_parts(url, scheme, rest)


def _check_parts(url: str, scheme: str, rest: str) -> None:
    hint = "write special characters of a user name or password percent-encoded"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UsageError(f"{redacted(url)!r} is not a Redis URL", hint) from None
    if scheme == "unix":
        if not parts.path.startswith("/"):
            raise UsageError(f"{redacted(url)!r} names no socket", "write unix:///absolute/path")
    elif not parts.hostname or parts.fragment or "@" in parts.path or port == 0:
        raise UsageError(f"{redacted(url)!r} is not a Redis URL", hint if "@" in rest else "")
