"""Colours and glyphs of single words, outside tables. Without colour, texts are unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from jobctl.cli.view.screen import Screen

_CODES: Mapping[str, str] = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_OUTCOMES: Mapping[str, tuple[str, str]] = {
    "failed": ("red", "✗"),
    "timeout": ("red", "✗"),
    "lost": ("red", "?"),
    "started": ("", "▶"),
}
"""Style and glyph of what attempts and events are called, where no state is called so."""


@cache
def _look(name: str) -> tuple[str, str]:
    """Style and glyph of a state, an outcome or an event."""
    from jobctl.store.data.states import BY_NAME  # late: not every table has states, and the store brings redis

    state = BY_NAME.get(name)
    return (state.style, state.glyph) if state else _OUTCOMES.get(name, ("", "·"))


def style_of(state: str) -> str:
    """The style of a state, an outcome or an event."""
    return _look(state)[0]


@dataclass(frozen=True, slots=True)
class Paint:
    """Paints if `color`; shows glyphs if the output's encoding can."""

    color: bool
    glyphs: bool

    @classmethod
    def of(cls, ctx: Screen) -> Paint:
        encoding = (getattr(ctx.stdout, "encoding", None) or "").lower().replace("-", "")
        return cls(ctx.color, encoding == "utf8")

    def styled(self, style: str, text: str) -> str:
        """`text` in a style: bold, dim, red, green, yellow, cyan, or empty for none."""
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if self.color and style and text else text

    def bold(self, text: str) -> str:
        return self.styled("bold", text)

    def dim(self, text: str) -> str:
        return self.styled("dim", text)

    def red(self, text: str) -> str:
        return self.styled("red", text)

    def state(self, state: str, text: str) -> str:
        """`text` in the colour of a state, an outcome or an event."""
        return self.styled(style_of(state), text)

    def glyph(self, state: str) -> str:
        """The sign of a state, with a space after it; nothing where it cannot be shown."""
        return f"{_look(state)[1]} " if self.glyphs else ""
