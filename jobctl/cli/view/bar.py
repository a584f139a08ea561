"""The progress of running jobs: as text, and drawn on stderr's terminal while someone waits."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from jobctl.cli.context import Context
from jobctl.cli.view.cell import short_duration
from jobctl.text import sanitize

if TYPE_CHECKING:
    from jobctl.store.data.found import Found
    from jobctl.store.data.ids import JobRef
    from jobctl.store.data.records import Progress

WIDTH = 24
NARROW = 10
"""The bar beside an id in a terminal of less than 80 columns."""
MAX_BARS = 8
"""Of more jobs than these, only the first have bars."""


def bar(progress: Progress, *, fine: bool = True, width: int = WIDTH) -> str:
    """`█████░░░░░  50%  5/10  ETA 3m  resizing`; what is not known is left out. `fine` False keeps to ASCII.

    The words come last: they are what a narrow terminal may cut.
    """
    full, rest = "█░" if fine else "#-"
    parts = [f"{progress.done:,}" if progress.total is None else f"{progress.done:,}/{progress.total:,}"]
    if progress.total:
        share = min(1.0, progress.done / progress.total)
        filled = int(share * width)
        parts = [full * filled + rest * (width - filled), f"{int(share * 100):>3}%", *parts]
    if progress.eta_s is not None:
        parts.append(f"ETA {short_duration(progress.eta_s)}")
    if progress.message:
        parts.append(sanitize(progress.message))
    return "  ".join(parts)


class Bars:
    """Bars of jobs that are waited for. Nothing is drawn unless stderr is a terminal and a job tells its progress."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._wanted = ctx.stderr.isatty() and not ctx.quiet
        self._shown: dict[JobRef, Progress] = {}
        self._live: Any = None

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.clear()

    @property
    def seen(self) -> Callable[[Found], None] | None:
        """What to say of jobs that have not ended; None where nothing is drawn."""
        return self._see if self._wanted else None

    def ended(self, job: JobRef) -> None:
        """A job has ended, and words about it follow: its bar goes, the others come back with their next look."""
        self._shown.pop(job, None)
        self.clear()

    def clear(self) -> None:
        """Leave the terminal as it was."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _see(self, found: Found) -> None:
        from jobctl.store.nouns.shown import to_job

        if not found.progress:
            if self._shown.pop(found.ref, None) is not None:
                self._draw()
            return
        progress = to_job(found).progress
        if progress is not None and (found.ref in self._shown or len(self._shown) < MAX_BARS):
            self._shown[found.ref] = progress
            self._draw()

    def _draw(self) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        if self._live is None:
            console = Console(
                file=self._ctx.stderr, markup=False, highlight=False, no_color=not self._ctx.settings.color
            )
            self._live = Live(console=console, auto_refresh=False, transient=True)
            self._live.start()
        width = WIDTH if self._live.console.width >= 80 else NARROW
        lines = [f"{sanitize(job.id)}  {bar(progress, width=width)}" for job, progress in self._shown.items()]
        self._live.update(Text("\n".join(lines), no_wrap=True, overflow="ellipsis"), refresh=True)
