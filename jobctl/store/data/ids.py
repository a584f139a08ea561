"""Job ids: 20 characters, sortable by time, with a code of the queue so that those of two queues differ.

An id names a job of its queue. The code does not tell which queue that is: several may share one, and whoever enqueues
may choose ids of the same form.

Layout, in Crockford's base 32 (lower case): 9 characters of milliseconds since the Unix epoch, 3 of a hash of the
queue's name, 8 that are random for the first id of a millisecond and count up from there (as ULID does).
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
from functools import lru_cache
from typing import NamedTuple

from jobctl import clock

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
LENGTH = 20
MINTED = re.compile(f"[{ALPHABET}]{{{LENGTH}}}")
FOREIGN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@=+-]{0,119}")
"""What `--id` and stock messages may use."""

_TAIL_BITS = 40


class JobRef(NamedTuple):
    """Which job is meant: an id belongs to its queue, and another queue may have a job with the same one."""

    queue: str
    id: str


_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]


def read(raw: bytes) -> str:
    """An id as Redis holds it; one that is not UTF-8 goes back unchanged through `write`."""
    return raw.decode("utf-8", "surrogateescape")


def write(text: str) -> str | bytes:
    """The reverse of `read`. redis-py itself refuses text that came out of bytes which are not UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape")


def _encode(number: int, width: int) -> str:
    """The last `width` characters of a number."""
    out = []
    for _ in range(width):
        out.append(ALPHABET[number & 31])
        number >>= 5
    return "".join(reversed(out))


def _encode_tail(number: int) -> str:
    """The same for 8 characters, two at a time: every enqueued job pays for it."""
    pairs = _PAIRS
    return pairs[number >> 30 & 1023] + pairs[number >> 20 & 1023] + pairs[number >> 10 & 1023] + pairs[number & 1023]


@lru_cache(maxsize=64)
def _head(ms: int, queue: str) -> str:
    return _encode(ms, 9) + queue_code(queue)


@lru_cache(maxsize=4096)
def queue_code(queue: str) -> str:
    """The 3 characters that stand for a queue in an id. Several queues may share a code."""
    digest = hashlib.blake2s(queue.encode(), digest_size=2).digest()
    return _encode(int.from_bytes(digest) & 0x7FFF, 3)


class Mint:
    """Mints ids that strictly increase within a queue and never repeat within a process. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ms = 0
        self._tail = 0

    def new(self, queue: str, now_ms: int | None = None) -> str:
        ms, first = self._take(1, now_ms)
        return _head(ms, queue) + _encode_tail(first)

    def many(self, queue: str, count: int, now_ms: int | None = None) -> list[str]:
        """`count` ids in rising order. When the clock stands still or goes back, the tail counts on."""
        ms, first = self._take(count, now_ms)
        head = _head(ms, queue)
        return [head + _encode_tail(number) for number in range(first, first + count)]

    def _take(self, count: int, now_ms: int | None) -> tuple[int, int]:
        """The millisecond and the first of `count` tails."""
        with self._lock:
            ms = max(clock.now_ms() if now_ms is None else now_ms, self._ms)
            if ms > self._ms:
                self._ms, self._tail = ms, secrets.randbits(_TAIL_BITS - 1)
            first = self._tail + 1
            self._tail += count
        return ms, first


def minted_at(job_id: str) -> int | None:
    """When an id was minted, in epoch ms; None for an id that is not one of ours."""
    if not MINTED.fullmatch(job_id):
        return None
    number = 0
    for character in job_id[:9]:
        number = number * 32 + ALPHABET.index(character)
    return number


def alias(job_id: str, message_id: str) -> str:
    """By what else a job is found: its message's own id; "" if that is the job's, or none that can be asked for."""
    return message_id if message_id != job_id and FOREIGN.fullmatch(message_id) else ""


def readable(stock_id: bytes) -> str:
    """The id under which a stock message's job continues: its own, or hexadecimal if it is not printable ASCII.

    fetch.lua does the same to jobs that it hands out.
    """
    if all(33 <= byte <= 126 for byte in stock_id):
        return stock_id.decode("ascii")
    return f"x{stock_id[:50].hex()}"
