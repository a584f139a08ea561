"""Error groups that explain themselves: how they develop, and what people noted about them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from jobctl import clock
from jobctl.errors import NothingMatched, UsageError
from jobctl.ops.filters.keys import GROUP_PREFIX
from jobctl.ops.tops import Top, of_groups
from jobctl.store.data.records import DeadGroup
from jobctl.store.nouns.dead import UNKNOWN_GROUP
from jobctl.store.nouns.notes import MAX_TEXT, Note

if TYPE_CHECKING:
    from jobctl.store import Store

PARTS = 12
PART_MS = 2 * 3_600_000
"""A group's history is the last day in PARTS parts."""
RECENT = 3
"""Parts at the end that are compared with as many before."""
GROWTH = 2.0
_NAME = re.compile(rf"[0-9a-f]{{{GROUP_PREFIX},8}}|{UNKNOWN_GROUP}")


class GroupRow(DeadGroup, frozen=True, kw_only=True):
    """A group as `dead groups` shows it. `latest` is the id of its latest dead letter.

    `history`: deaths in each twelfth of the last day, the oldest first, of the whole group. `trend`: new (the first
    died within the last two hours), growing, fading, steady, or quiet (nothing died within a day). `muted` is the count
    up to which tables leave it out. `top` is what its latest dead letters have most often.
    """

    latest: str | None = None
    trend: str = "quiet"
    history: tuple[int, ...] = ()
    note: str | None = None
    owner: str | None = None
    link: str | None = None
    noted_by: str | None = None
    noted_at: datetime | None = None
    muted: int | None = None
    top: tuple[Top, ...] = ()

    @property
    def is_muted(self) -> bool:
        """Whether it is to be left out: it has not grown beyond what someone knows of."""
        return self.muted is not None and self.count <= self.muted


def explained(store: Store, rows: Sequence[DeadGroup], *, tops: bool = False) -> list[GroupRow]:
    """Groups with their history and their notes; with `tops`, the first ones also with what their letters have."""
    top = of_groups(store, rows) if tops else {}
    now = store.processes.now_ms()
    edges = [now - PART_MS * part for part in range(PARTS, -1, -1)]
    edges[-1] += 1
    notes = store.notes.all()
    out: list[GroupRow] = []
    for some in _batched(rows, 100):
        found = store.dead.histories([(row.queue, row.group) for row in some], edges)
        for row, (history, latest) in zip(some, found, strict=True):
            note = notes.get((row.queue, row.group), Note())
            told = _row(row, history, latest, note, edges[-2])
            found_top = top.get((row.queue, row.group), ())
            out.append(msgspec.structs.replace(told, top=found_top) if found_top else told)
    return out


def _batched(rows: Sequence[DeadGroup], size: int) -> list[Sequence[DeadGroup]]:
    return [rows[at : at + size] for at in range(0, len(rows), size)]


def _row(row: DeadGroup, history: tuple[int, ...], latest: str | None, note: Note, lately: int) -> GroupRow:
    return GroupRow(
        **msgspec.structs.asdict(row),
        latest=latest,
        trend=trend(history, row.first_died_at is not None and clock.to_ms(row.first_died_at) >= lately),
        history=history,
        note=note.text,
        owner=note.owner,
        link=note.link,
        noted_by=note.by or None,
        noted_at=clock.to_datetime(note.at) if note.at else None,
        muted=note.muted,
    )


def trend(history: Sequence[int], is_new: bool) -> str:
    """How a group develops."""
    if not sum(history):
        return "quiet"
    if is_new:
        return "new"
    recent, before = sum(history[-RECENT:]), sum(history[-2 * RECENT : -RECENT])
    if recent > GROWTH * before:
        return "growing"
    return "fading" if recent * GROWTH < before or not recent else "steady"


def find(store: Store, name: str, queues: Sequence[str]) -> DeadGroup:
    """The group of that name, of which the first characters are enough. Raises UsageError or NothingMatched."""
    if len(name) < GROUP_PREFIX:
        raise UsageError(f"group {name!r} is too short", f"give at least {GROUP_PREFIX} of its characters")
    found = [row for queue in queues for row in store.dead.groups(queue) if row.group.startswith(name)]
    if not found:
        raise NothingMatched(f"no error group {name[:100]}", "`jobctl dead groups` lists them")
    if len(found) > 1:
        names = ", ".join(f"{row.group} (queue {row.queue})" for row in found[:5])
        raise UsageError(f"several groups are meant by {name[:100]}: {names}", "give more characters, or --queue")
    return found[0]


def meant(store: Store, name: str, queues: Sequence[str]) -> DeadGroup | None:
    """The group that someone means by what may be a job's id as well; None if it is none. Raises as `find` does."""
    if _NAME.fullmatch(name) is None or store.jobs.find_all(name, queues):
        return None
    try:
        return find(store, name, queues)
    except NothingMatched:
        return None


def note(
    store: Store, row: DeadGroup, *, text: str | None, owner: str | None, link: str | None, clear: bool
) -> GroupRow:
    """Note something about a group; what is not given stays. `clear` deletes all of it, the muting too."""
    for given in (text, owner, link):
        if given is not None and len(given) > MAX_TEXT:
            raise UsageError(f"a note has at most {MAX_TEXT} characters")
    parts = {"text": text, "owner": owner, "link": link}
    changes: dict[str, Any] = {name: value or None for name, value in parts.items() if value is not None}
    return _change(
        store, row, lambda note: msgspec.structs.replace(Note() if clear else note, **changes), "dead note", text or ""
    )


def mute(store: Store, row: DeadGroup, until: int | None, *, off: bool) -> GroupRow:
    """Leave a group out of tables until it has more than `until` dead letters, by default twice what it has now."""
    muted = None if off else row.count * 2 if until is None else until
    if muted is not None and muted < row.count:
        raise UsageError(
            f"group {row.group} has {row.count:,} dead letters already", f"write --until {row.count} or more"
        )
    detail = "off" if off else f"until {muted}"
    return _change(store, row, lambda note: msgspec.structs.replace(note, muted=muted), "dead mute", detail)


def _change(store: Store, row: DeadGroup, change: Callable[[Note], Note], action: str, detail: str) -> GroupRow:
    store.notes.change(row.queue, row.group, change)
    store.audit.add(action, f"group:{row.group} queue:{row.queue}", 1, detail)
    return explained(store, [row])[0]
