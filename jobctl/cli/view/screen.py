"""What the renderer needs to know of an invocation: the formats, and where it writes."""

from __future__ import annotations

import enum
from typing import Protocol, TextIO


class Output(enum.StrEnum):
    """How data is written to stdout."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    YAML = "yaml"
    NAME = "name"


class Times(enum.StrEnum):
    """How a table shows instants."""

    RELATIVE = "relative"
    ISO = "iso"


class Screen(Protocol):
    """Where data is written, and how. Every `Context` is one."""

    @property
    def output(self) -> Output: ...

    @property
    def times(self) -> Times: ...

    @property
    def stdout(self) -> TextIO: ...

    @property
    def stdout_is_tty(self) -> bool: ...

    @property
    def color(self) -> bool: ...

    def say(self, text: str) -> None: ...
