"""Runs `jobctl top` without a terminal, presses its keys and reads its screen."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from textual.pilot import Pilot

from jobctl.catalog.load import load
from jobctl.cli.context import Context
from jobctl.cli.top.app import Top
from jobctl.cli.view.screen import Times
from jobctl.faces import sampler as sampling
from jobctl.faces.change import Changes
from jobctl.faces.sampler import Sampler
from jobctl.settings import Settings
from tests.support import PATIENCE_S

SIZE = (80, 24)
Act = Callable[["Shown"], Awaitable[None]]


class Shown:
    """The screen of a running `top`."""

    def __init__(self, app: Top, pilot: Pilot[None]) -> None:
        self.app = app
        self._pilot = pilot

    @property
    def lines(self) -> list[str]:
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip).rstrip() for strip in strips]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    async def press(self, *keys: str) -> None:
        await self._pilot.press(*keys)

    async def type(self, text: str) -> None:
        await self._pilot.press(*({" ": "space"}.get(char, char) for char in text))

    async def shows(self, *words: str) -> None:
        """Wait until all of these are on the screen."""
        await self.until(lambda: all(word in self.text for word in words), f"{words}")

    async def until(self, true: Callable[[], bool], what: str = "") -> None:
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while not true():
            assert asyncio.get_running_loop().time() < deadline, f"not {what}:\n{self.text}"
            await self._pilot.pause(0.02)


def run_top(
    catalog: Path,
    redis_url: str,
    act: Act,
    *,
    size: tuple[int, int] = SIZE,
    times: Times = Times.RELATIVE,
    **settings: object,
) -> None:
    """Start `top`, let `act` use it, and end it."""
    ctx = Context(Settings(catalog, redis_url=redis_url, **settings), times=times)  # type: ignore[arg-type]
    loaded, store = load(catalog), ctx.store()
    app = Top(ctx, Sampler(store, loaded), Changes(store, loaded, ctx.settings, ctx.require_writable))

    async def use() -> None:
        async with app.run_test(size=size) as pilot:
            await act(Shown(app, pilot))

    try:
        asyncio.run(use())
    finally:
        ctx.close()


def steady(text: str) -> str:
    """A screen without what differs from run to run: ids, clocks, ages."""
    text = re.sub(r"\b[0-9a-z]{20}\b", "ID".ljust(20, "_"), text)
    text = re.sub(r"\b\d{4}-\d\d-\d\dT[\d:.]+Z", "RFC3339-in-UTC-to-the-ms", text)
    text = re.sub(r"\b\d\d:\d\d:\d\d\b", "HH:MM:SS", text)
    return re.sub(r" +\d+m?s\b", lambda found: "~".rjust(len(found[0])), text)


__all__ = ["SIZE", "Shown", "run_top", "sampling", "steady"]
