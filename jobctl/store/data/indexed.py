"""Values of payloads by which jobs are found: where they are, how they are written, and their digests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from zlib import crc32

import msgspec

from jobctl.redaction import is_hidden

ABSENT: Any = object()
"""The value of a payload's key that is not there."""
Entries = tuple[tuple[str, str], ...]
"""(the index's name, the digest of the value; empty if there is none) of one job."""


def dig(payload: Any, path: str) -> Any:
    """The value of a key, which may itself contain dots, or of a path into nested objects. ABSENT if there is none."""
    if not isinstance(payload, Mapping):
        return payload if is_hidden(payload) else ABSENT
    if path in payload:
        return payload[path]
    head, dot, rest = path.partition(".")
    return dig(payload.get(head, ABSENT), rest) if dot else ABSENT


def as_text(value: Any) -> str:
    """A payload's value as one would type it: text bare, everything else as JSON."""
    if isinstance(value, str):
        return value
    return str(value) if type(value) is int else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def name_of(job_type: str, path: str) -> str:
    """The name of an index."""
    return f"{job_type}|{path}"


def digest(text: str) -> str:
    """32 bits of a value. Who looks for a value checks the jobs that he finds, so that a few which have another value
    do no harm; and a producer takes a third of a microsecond for it."""
    return str(crc32(text.encode("utf-8", "surrogatepass")))


def entries(job_type: str, paths: Iterable[str], payload: Any) -> Entries:
    """What the indexes of a type have of a job. Only scalars are indexed; 42 and "42" are the same."""
    return tuple([(name_of(job_type, path), _digest_at(payload, path)) for path in paths])


class Untaken(NamedTuple):
    """A job that is to be added to indexes: its id, its type, and what the indexes have of it."""

    id: str
    type: str
    entries: Entries


def encoded(entries: Entries) -> bytes:
    """Entries as _index.lua reads them."""
    return msgspec.json.encode(entries) if entries else b""


def _digest_at(payload: Any, path: str) -> str:
    value = payload.get(path, ABSENT) if type(payload) is dict else ABSENT  # what most are, at once
    if value is ABSENT:
        value = dig(payload, path)
    if type(value) is str or type(value) is int:
        return digest(str(value))
    if value is ABSENT or isinstance(value, Mapping | list | tuple):
        return ""
    return digest(as_text(value))
