"""A progress bar on stderr, for a person who has to wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jobctl.cli.context import Context


@contextmanager
def bar(ctx: Context, words: str, total: int) -> Iterator[Callable[..., None]]:
    """Yields a function that takes how many are done and, if they change, the words beside the bar."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(file=ctx.stderr, markup=False, highlight=False, no_color=not ctx.settings.color)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(words, total=total)
        yield lambda count, now=words: progress.update(task, completed=count, description=now)
