"""Colours and glyphs of single words, for what is not a table. Without colour everything stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jobctl.cli.context import Context
from jobctl.cli.view.output import STATE_STYLES
from jobctl.store.data.states import ALL

_CODES: Mapping[str, str] = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_GLYPHS: Mapping[str, str] = {
    **{state.name: state.glyph for state in ALL},
    "failed": "✗",
    "timeout": "✗",
    "lost": "?",
    "started": "▶",
}


@dataclass(frozen=True, slots=True)
class Paint:
    """Paints if `color`; shows glyphs if the output's encoding can."""

    color: bool
    glyphs: bool

    @classmethod
    def of(cls, ctx: Context) -> Paint:
        encoding = (getattr(ctx.stdout, "encoding", None) or "").lower().replace("-", "")
        return cls(ctx.color, encoding == "utf8")

    def _wrap(self, style: str, text: str) -> str:
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if self.color and style and text else text

    def bold(self, text: str) -> str:
        return self._wrap("bold", text)

    def dim(self, text: str) -> str:
        return self._wrap("dim", text)

    def red(self, text: str) -> str:
        return self._wrap("red", text)

    def state(self, state: str, text: str) -> str:
        """`text` in the colour of a state, an outcome or an event."""
        return self._wrap(STATE_STYLES.get(state, ""), text)

    def glyph(self, state: str) -> str:
        """The sign of a state, with a space after it; nothing where it cannot be shown."""
        return f"{_GLYPHS.get(state, '·')} " if self.glyphs else ""
