"""Values of payloads by which jobs are found: where they are, how they are written, and their digests."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
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


class Place(NamedTuple):
    """Where an index has its values from: the job type, the payload's key and, of values that are hidden, which secret
    key it was made with."""

    type: str
    path: str
    secret: str = ""


_HIDDEN = re.compile(r"hmac:([0-9a-f]{8}):(.*)", re.DOTALL)


def place_of(name: str) -> Place:
    """What an index's name says."""
    job_type, _, path = name.partition("|")
    hidden = _HIDDEN.fullmatch(path)
    return Place(job_type, hidden[2], hidden[1]) if hidden else Place(job_type, path)


@lru_cache(maxsize=16)
def secret_id(secret: bytes) -> str:
    """What tells secret keys apart, and nothing else of them."""
    return hmac.digest(secret, b"jobctl: which key", "sha256").hex()[:8]


def hidden_name(job_type: str, path: str, secret: bytes) -> str:
    """The name of an index of values that are hidden. Another secret key makes another index."""
    return f"{job_type}|hmac:{secret_id(secret)}:{path}"


def hidden_digest(name: str, text: str, secret: bytes) -> str:
    """32 bits of a value that say nothing of it to who has not the secret key, and that are others in other indexes."""
    found = hmac.digest(secret, f"{name}\0{text}".encode("utf-8", "surrogatepass"), "sha256")
    return str(int.from_bytes(found[:4]))


def digest(text: str) -> str:
    """32 bits of a value. Who looks for a value checks the jobs that he finds, so that a few which have another value
    do no harm; and a producer takes a third of a microsecond for it."""
    return str(crc32(text.encode("utf-8", "surrogatepass")))


def entries(job_type: str, paths: Iterable[str], payload: Any) -> Entries:
    """What the indexes of a type have of a job. Only scalars are indexed; 42 and "42" are the same."""
    return tuple([(name_of(job_type, path), _digest_at(payload, path)) for path in paths])


def hidden_entries(job_type: str, paths: Iterable[str], payload: Any, secret: bytes) -> Entries:
    """The same of values that are hidden; nothing without a secret key."""
    if not secret:
        return ()
    found = [(hidden_name(job_type, path, secret), _text_at(payload, path)) for path in paths]
    return tuple((name, "" if text is None else hidden_digest(name, text, secret)) for name, text in found)


class Untaken(NamedTuple):
    """A job that is to be added to indexes: its id, its type, and what the indexes have of it."""

    id: str
    type: str
    entries: Entries


def encoded(entries: Entries) -> bytes:
    """Entries as _index.lua reads them."""
    return msgspec.json.encode(entries) if entries else b""


def _digest_at(payload: Any, path: str) -> str:
    text = _text_at(payload, path)
    return "" if text is None else digest(text)


def _text_at(payload: Any, path: str) -> str | None:
    """A scalar as text; None if there is none at the key."""
    value = payload.get(path, ABSENT) if type(payload) is dict else ABSENT  # what most are, at once
    if value is ABSENT:
        value = dig(payload, path)
    if type(value) is str or type(value) is int:
        return str(value)
    if value is ABSENT or isinstance(value, Mapping | list | tuple):
        return None
    return as_text(value)
