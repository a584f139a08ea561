"""A payload as someone types it: `key=text key:=json key=@file` over `--payload`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from jobctl.catalog import payload as payloads
from jobctl.catalog.model import JobType
from jobctl.errors import UsageError

_ARGUMENT = re.compile(r"(?P<key>[^=:]+|[^=]*?[^=:])(?P<sign>:=|=@|=)(?P<value>.*)", re.DOTALL)
GRAMMAR = "write key=text, key:=json or key=@file"


def build(
    job_type: JobType,
    arguments: Sequence[str],
    base: str | None,
    *,
    limit: int,
    read_stdin: Callable[[int], bytes],
) -> dict[str, Any]:
    """The payload: `base` (JSON, `@file` or `-` for stdin) with the arguments over it.

    Files and stdin are read only as far as `limit` bytes allow. Raises UsageError.
    """
    payload = {} if base is None else _base(base, limit, read_stdin)
    seen: set[str] = set()
    for argument in arguments:
        key, value = _read(job_type, argument, limit)
        if key in seen:
            raise UsageError(f"`{key}` is given twice")
        seen.add(key)
        payload[key] = value
    return payload


def read_json(text: str | bytes, what: str) -> Any:
    """Any JSON value. Raises UsageError that names `what`."""
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError, UnicodeEncodeError) as problem:
        raise UsageError(f"{what} is not JSON: {_reason(problem)}") from problem


def _base(given: str, limit: int, read_stdin: Callable[[int], bytes]) -> dict[str, Any]:
    if given == "-":
        what, text = "stdin", read_stdin(limit + 1)
    elif given.startswith("@"):
        what, text = given[1:], _file(given[1:], limit)
    else:
        what, text = "--payload", given.encode("utf-8", "surrogateescape")
    payloads.check_size(len(text), limit)
    value = read_json(text, what)
    if not isinstance(value, Mapping):
        raise UsageError(f"{what} must be a JSON object, not {shape(value)}")
    return dict(value)


def _read(job_type: JobType, argument: str, limit: int) -> tuple[str, Any]:
    match = _ARGUMENT.fullmatch(argument)
    if match is None:
        hint = f"{GRAMMAR}; or --payload JSON" if not argument.startswith("{") else "give it with --payload"
        raise UsageError(f"invalid payload argument {argument[:80]!r}", hint)
    key, sign, value = match["key"], match["sign"], match["value"]
    if sign == ":=":
        return key, read_json(value, f"`{key}`")
    if sign == "=@":
        data = _file(value, limit)
        payloads.check_size(len(data), limit)
        try:
            value = data.decode()
        except UnicodeDecodeError:
            raise UsageError(f"{value} is not UTF-8 text", "a payload is JSON: encode it, or pass the path") from None
        return key, value
    try:
        value.encode()
    except UnicodeEncodeError:
        raise UsageError(f"`{key}` is not UTF-8 text") from None
    return key, payloads.coerce(job_type, key, value)


def _file(path: str, limit: int) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(limit + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot read {path[:200]!r}: {reason}") from error


def shape(value: Any) -> str:
    """What kind of JSON value it is, in words."""
    names = {list: "an array", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else "an object")


def _reason(problem: Exception) -> str:
    return "it is nested too deeply" if isinstance(problem, RecursionError) else str(problem)
