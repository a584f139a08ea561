"""What is wrong with a filter, and where."""

from __future__ import annotations

from jobctl.errors import UsageError
from jobctl.text import sanitize

_AROUND = 60
"""Characters of a long filter that are shown before and after the place."""


class FilterError(UsageError):
    """A filter that cannot be read. `start` and `end` are the place in `text`; `excerpt` shows it with carets below."""

    def __init__(self, message: str, hint: str, text: str, start: int, end: int) -> None:
        super().__init__(f"{message}, at column {start + 1} of the filter", hint)
        self.text = text
        self.start, self.end = start, max(end, start + 1)

    @property
    def excerpt(self) -> tuple[str, str]:
        """The filter, or what is around the place in a long one, and carets below the place."""
        low, high = max(0, self.start - _AROUND), self.start + _AROUND
        before = ("…" if low else "") + sanitize(self.text[low : self.start], limit=None)
        place = sanitize(self.text[self.start : min(self.end, high)], limit=None)
        after = sanitize(self.text[self.end : high], limit=None) + ("…" if len(self.text) > high else "")
        return f"{before}{place}{after}", " " * len(before) + "^" * max(1, len(place))
