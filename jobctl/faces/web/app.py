"""The application of `jobctl web`: its paths, its errors, its live updates."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from jobctl.errors import JobctlError
from jobctl.faces.sampler import PACE_S
from jobctl.faces.web.actions import Actions
from jobctl.faces.web.desk import HERE, Desk
from jobctl.faces.web.guard import Guard
from jobctl.faces.web.pages import Pages

MOST_VIEWERS = 100
"""Streams at once: each holds a connection."""


def build(desk: Desk, hosts: Collection[str]) -> ASGIApp:
    """The application. `hosts` are the names by which it may be asked."""
    pages, actions, live = Pages(desk), Actions(desk), Live(desk)
    reads = {
        "/": pages.overview,
        "/queues": pages.queues,
        "/queues/{queue}": pages.queue,
        "/jobs": pages.jobs,
        "/jobs/{queue}/{id:path}": pages.job,
        "/groups": pages.groups,
        "/groups/{queue}/{group}": pages.group,
        "/schedules": pages.schedules,
        "/schedules/{schedule}": pages.schedule,
        "/limits": pages.limits,
        "/workers": pages.workers,
        "/events": pages.events,
        "/audit": pages.audit,
        "/live": live.stream,
    }
    routes = [
        *(Route(path, page, methods=["GET"]) for path, page in reads.items()),
        Route("/login", actions.login, methods=["GET", "POST"]),
        Route("/logout", actions.logout, methods=["POST"]),
        Route("/change", actions.change, methods=["POST"]),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]

    def wrong(request: Request, error: Exception) -> Response:
        assert isinstance(error, JobctlError)
        return desk.wrong(request, error)

    def plain(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return PlainTextResponse(f"{error.detail}\n", error.status_code)

    app = Starlette(routes=routes, exception_handlers={JobctlError: wrong, HTTPException: plain})
    return Guard(app, desk.tokens, hosts, desk.root)


class Live:
    """Tells viewers when there is something new. The pages themselves are read again by their script."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._viewers = 0

    async def stream(self, _request: Request) -> Response:
        if self._viewers >= MOST_VIEWERS:
            return PlainTextResponse("too many viewers\n", 503)
        headers = {"x-accel-buffering": "no"}
        return StreamingResponse(self._changes(), media_type="text/event-stream", headers=headers)

    async def _changes(self) -> AsyncIterator[str]:
        self._viewers += 1
        try:
            yield "retry: 3000\n\n"
            before = None
            while True:
                sample = await run_in_threadpool(self._desk.sampler.look)
                if before is None or sample is not before:
                    before = sample
                    yield "data: away\n\n" if sample.away else "data: new\n\n"
                await asyncio.sleep(PACE_S)
        finally:
            self._viewers -= 1
