"""Redis URLs: which are understood, where a password hides in one, and how to show one without it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from jobctl.errors import UsageError

SCHEMES = ("redis", "rediss", "unix")
SENTINEL = "+sentinel"
_QUERY_PASSWORD = re.compile(r"([?&][^=&#]*(?:pass|pwd|secret|token)[^=&#]*=)[^&#]*", re.IGNORECASE)
"""`password`, `ssl_password`, and whatever else looks like one."""
HIDDEN = "***"


def redacted(url: str) -> str:
    """The URL as it may be shown to anyone: passwords are `***`, however badly the URL is formed.

    Of a text without `://` nobody knows which part is the password: it is hidden whole.
    """
    head, separator, rest = url.partition("://")
    if not separator:
        return HIDDEN
    userinfo, at, host = rest.rpartition("@")
    if at and ":" in userinfo:
        rest = f"{userinfo.partition(':')[0]}:{HIDDEN}@{host}"
    return _QUERY_PASSWORD.sub(rf"\1{HIDDEN}", unquoted_keys(f"{head}{separator}{rest}"))


def unquoted_keys(url: str) -> str:
    """The URL with the names of its query parameters as they are read: `%70assword` is `password`."""
    return re.sub(r"(?<=[?&])[^=&#]*", lambda name: unquote(name.group()), url)


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
        hint = "write redis://HOST:PORT/DB, rediss://… or unix:///PATH"
        raise UsageError("the Redis URL does not begin with a scheme (it is not shown: it may hold a password)", hint)
    if scheme.removesuffix(SENTINEL) not in SCHEMES or scheme == f"unix{SENTINEL}":
        raise UsageError(
            f"a Redis URL cannot begin with {scheme}://", "use redis://, rediss://, redis+sentinel:// or unix://"
        )
    _check_parts(url, scheme, rest)


def _check_parts(url: str, scheme: str, rest: str) -> None:
    hint = "write special characters of a user name or password percent-encoded"
    try:
        parts = urlsplit(url)
        hosts = () if scheme == "unix" else _hosts(parts.netloc)
    except ValueError:
        raise UsageError(f"{redacted(url)!r} is not a Redis URL", hint) from None
    if scheme == "unix":
        if not parts.path.startswith("/"):
            raise UsageError(f"{redacted(url)!r} has no socket path", "write unix:///absolute/path")
    elif not all(host for host, _ in hosts) or parts.fragment or "@" in parts.path or 0 in [p for _, p in hosts]:
        raise UsageError(f"{redacted(url)!r} is not a Redis URL", hint if "@" in rest else "")
    elif scheme.endswith(SENTINEL) and not re.fullmatch(r"/[^/]+(/\d*)?", parts.path):
        raise UsageError(f"{redacted(url)!r} does not name the service", f"write {scheme}://HOST:PORT,…/SERVICE/DB")


@dataclass(frozen=True, slots=True)
class Address:
    """A URL with one or several hosts, taken apart. `service` is the one that Sentinels know the primary by."""

    scheme: str  # redis | rediss
    user: str
    hosts: tuple[tuple[str, int | None], ...]
    service: str
    db: str
    query: str

    def single(self) -> str:
        """The same with its first host only, as redis-py reads it."""
        host = self.hosts[0][0]
        shown = f"[{host}]" if ":" in host else host
        user = f"{self.user}@" if self.user else ""
        return urlunsplit((self.scheme, f"{user}{shown}", f"/{self.db}", self.query, ""))


def address(url: str) -> Address:
    """Take a checked URL (not unix://) without a password apart."""
    parts = urlsplit(url)
    first, _, rest = parts.path.lstrip("/").partition("/")
    sentinel = parts.scheme.endswith(SENTINEL)
    return Address(
        scheme=parts.scheme.removesuffix(SENTINEL),
        user=parts.netloc.rpartition("@")[0],
        hosts=_hosts(parts.netloc),
        service=unquote(first) if sentinel else "",
        db=rest if sentinel else first,
        query=parts.query,
    )


def is_sentinel(url: str) -> bool:
    """Whether the URL names Sentinels instead of a server."""
    return url.partition("://")[0].endswith(SENTINEL)


def _hosts(netloc: str) -> tuple[tuple[str, int | None], ...]:
    """The hosts with their ports; several are separated by commas. Raises ValueError."""
    parts = [urlsplit(f"//{part}") for part in netloc.rpartition("@")[2].split(",")]
    return tuple((part.hostname or "", part.port) for part in parts)
