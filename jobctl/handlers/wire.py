"""What a worker and the process of an isolated job say to each other: frames of JSON, each after its length.

To the process: `load` (once), `run`, `stop`, `reply`, `refuse`, `end`. From it: `ready` or `refused` (once), `done` or
`failed`; and meanwhile what the job says or asks, named after what it does (`log`, `enqueue`).
"""

from __future__ import annotations

import socket
import struct
import threading
from typing import Any

import msgspec

MAX_FRAME = 64 * 1024 * 1024
_LENGTH = struct.Struct(">I")
_CHUNK = 262_144


class Frame(msgspec.Struct, array_like=True):
    """`run` is the attempt that it is about (0: none), `id` a question's, which its reply repeats (0: wants none)."""

    verb: str
    run: int = 0
    id: int = 0
    values: dict[str, Any] = {}


class HungUp(Exception):
    """The other end has closed the line, or is gone."""


class Line:
    """One end. Any thread may send; only one receives."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self._lock = threading.Lock()
        self._buffer = bytearray()
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(Frame).decode

    def send(self, frame: Frame) -> None:
        """Raises HungUp; TypeError or ValueError for what is not JSON or too large."""
        data = self._encode(frame)
        if len(data) > MAX_FRAME:
            raise ValueError(f"a message of {len(data):,} bytes is too large")
        try:
            with self._lock:
                self.socket.sendall(_LENGTH.pack(len(data)) + data)
        except OSError as error:
            raise HungUp from error

    def receive(self) -> list[Frame]:
        """Wait for bytes; the frames that are whole by now. Raises HungUp, also for what is not a frame."""
        try:
            chunk = self.socket.recv(_CHUNK)
        except OSError as error:
            raise HungUp from error
        if not chunk:
            raise HungUp
        self._buffer += chunk
        frames = []
        while (end := self._end()) is not None:
            try:
                frames.append(self._decode(self._buffer[_LENGTH.size : end]))
            except ValueError as error:
                raise HungUp from error
            del self._buffer[:end]
        return frames

    def _end(self) -> int | None:
        """Where the first frame in the buffer ends, if all of it is there."""
        if len(self._buffer) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        if length > MAX_FRAME:
            raise HungUp
        end = _LENGTH.size + int(length)
        return end if len(self._buffer) >= end else None

    def close(self) -> None:
        self.socket.close()
