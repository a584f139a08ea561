"""What all pages work with: who asks, the sampler, the templates."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import parse_qsl, quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from jobctl import clock
from jobctl.errors import JobctlError, NothingMatched, RedisUnavailable, Refused, UsageError
from jobctl.faces.change import Changes
from jobctl.faces.sampler import Sampler
from jobctl.faces.web import charts, words
from jobctl.faces.web.tokens import CHANGE, Tokens
from jobctl.ops.schedules.calendar import Calendar, calendar
from jobctl.ops.schedules.known import effective
from jobctl.ops.triage import triage

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.ops.doctor.check import Check
    from jobctl.store import Store

HERE = Path(__file__).parent
LARGEST_FORM = 65_536
PROBLEMS_S = 20.0
"""How often it is looked what is wrong."""
CALENDAR_S = 300.0
PART_MS, PARTS = 1_800_000, 48
"""The calendar: the coming day in half hours."""
AFTER_S = 0.3
WARM_S = 10.0
STATUS: dict[type[JobctlError], int] = {UsageError: 400, NothingMatched: 404, Refused: 403, RedisUnavailable: 503}
ROOMS = (
    ("", "Overview"), ("queues", "Queues"), ("jobs", "Jobs"), ("groups", "Errors"), ("schedules", "Schedules"),
    ("limits", "Limits"), ("workers", "Workers"), ("events", "Events"), ("audit", "Audit"),
)  # fmt: skip
"""The pages of the menu, by their paths."""


Seen = TypeVar("Seen")


class Slow(Generic[Seen]):
    """What takes longer to read than a page may: it is read in a thread, while somebody looks at it."""

    def __init__(self, read: Callable[[], Seen], every_s: float) -> None:
        self._read = read
        self._every_s = every_s
        self._due = float("-inf")
        self._lock = threading.Lock()
        self._seen: Seen | None = None

    def look(self) -> Seen | None:
        """What was seen last; None before the first look is over. A new one begins when this page is on its way."""
        if clock.monotonic() >= self._due and self._lock.acquire(blocking=False):
            timer = threading.Timer(AFTER_S, self.read)
            timer.daemon = True
            timer.start()
        return self._seen

    def read(self) -> None:
        """Look now."""
        try:
            self._seen = self._read()
        except RedisUnavailable:
            return
        finally:
            self._due = clock.monotonic() + self._every_s
            if self._lock.locked():
                self._lock.release()


@dataclass
class Desk:
    """What pages work with. `root` is the path below which a proxy serves them."""

    sampler: Sampler
    changes: Changes
    tokens: Tokens
    root: str = ""
    problems: Slow[list[Check]] = field(init=False)
    calendar: Slow[Calendar | None] = field(init=False)

    def __post_init__(self) -> None:
        store, catalog = self.changes.store, self.changes.catalog
        self.problems = Slow(lambda: triage(store, catalog), PROBLEMS_S)
        self.calendar = Slow(lambda: coming(store, catalog), CALENDAR_S)
        self._env = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=words.plain,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._env.filters |= {
            "ago": words.ago,
            "lasted": words.lasted,
            "count": words.count,
            "failure": words.failure,
            "held": words.held,
            "part": lambda text: quote(str(text), safe=""),
        }
        self._env.globals |= {"charts": charts, "rooms": ROOMS, "root": self.root}

    def warm_up(self) -> None:
        """Read and compile what would hold up who comes first."""
        self.sampler.look(WARM_S)
        self.problems.read()
        self.calendar.read()
        for name in self._env.list_templates():
            self._env.get_template(name)

    def show(self, request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
        """A page. `live` pages look again by themselves, where there is a script."""
        cookie, role = request.state.cookie, request.state.role
        sample = self.sampler.last
        text = self._env.get_template(f"{template}.html").render(
            path=request.scope["path"],
            here=request.scope["path"].strip("/").partition("/")[0],
            name=self.changes.settings.profile or self.changes.store.namespace,
            away=sample.away,
            seen_at=sample.at,
            may_change=role == CHANGE,
            form_token=self.tokens.form(cookie) if cookie else "",
            **{"live": False, **values},
        )
        return HTMLResponse(text, status)

    def wrong(self, request: Request, error: JobctlError) -> Response:
        """The page of an error."""
        status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
        lines = getattr(error, "excerpt", ())
        return self.show(request, "wrong", status=status, message=str(error), excerpt="\n".join(lines))


def coming(store: Store, catalog: Catalog | None) -> Calendar | None:
    """The coming day of all schedules."""
    if catalog is None:
        return None
    now = clock.now_ms()
    start = now - now % PART_MS
    return calendar(None, list(effective(store, catalog).values()), start, PART_MS, PARTS, now_ms=now)


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form. Raises UsageError for one that is too large."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM:
            raise UsageError("the form is too large")
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
