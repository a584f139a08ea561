"""How error groups are shown: the columns, the history as a line, the notes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobctl.cli.context import Context
from jobctl.cli.view.cell import message
from jobctl.cli.view.paint import Paint
from jobctl.cli.view.table import NAME, Column

if TYPE_CHECKING:
    from jobctl.ops.common import GroupDetail, Trait
    from jobctl.ops.groups import GroupRow

_LEVELS = " ▁▂▃▄▅▆▇█"
_PLAIN = " .:-=+*#@"


def columns(ctx: Context) -> tuple[Column, ...]:
    """The columns of `dead groups`."""
    levels = _LEVELS if Paint.of(ctx).glyphs else _PLAIN
    return (
        Column("GROUP", "group"),
        Column("COUNT", "count", right=True, importance=9),
        Column("TREND", "trend", importance=4),
        Column("LAST 24H", lambda row: spark(row.history, levels), importance=2),
        Column("TYPE", "type", importance=7, least=NAME),
        Column("ERROR", "error", importance=8, least=NAME),
        Column("MESSAGE", message, importance=6, least=14, falls=True),
        Column("FIRST", "first_died_at", importance=3),
        Column("LAST", "last_died_at", importance=5),
        Column("QUEUE", "queue", importance=4, least=NAME),
        Column("MOSTLY", mostly, under=True),
        Column("NOTE", noted, under=True),
    )


def spark(history: tuple[int, ...], levels: str = _LEVELS) -> str:
    """Counts as a line of bars, the highest of which is the largest count; what is not zero is seen."""
    most = max(history, default=0)
    if not most:
        return "-"
    return "".join(levels[-(-count * (len(levels) - 1) // most)] for count in history).replace(
        " ", "·" if "▁" in levels else "_"
    )


def mostly(row: GroupRow) -> str | None:
    """What the latest letters have, of types with an index: the most frequent values of each key, and the hosts."""
    if not any(top.what != "host" for top in row.top):
        return None
    of = row.top[0].of
    said: dict[str, list[str]] = {}
    for top in row.top:
        said.setdefault(top.what.removeprefix("args."), []).append(f"{top.value} {top.count}")
    return f"of the latest {of}: " + "; ".join(f"{what}: {', '.join(values)}" for what, values in said.items())


def noted(row: GroupRow) -> str | None:
    """What people noted, in one line."""
    owner = f"owner {row.owner}" if row.owner else None
    muted = f"muted until more than {row.muted:,} are dead" if row.muted is not None else None
    facts = [fact for fact in (row.note, owner, row.link, muted) if fact]
    return f"{'; '.join(facts)} (by {row.noted_by})" if facts else None


def sheet(ctx: Context) -> tuple[Column, ...]:
    """The lines of `dead show GROUP`."""
    by_header = {column.header: column for column in columns(ctx)}
    names = ("GROUP", "QUEUE", "TYPE", "ERROR", "MESSAGE", "COUNT", "TREND", "LAST 24H", "FIRST", "LAST", "NOTE")
    return (
        *(by_header[name] for name in names),
        Column("HOSTS", lambda group: ", ".join(group.hosts)),
        Column("IN COMMON", in_common),
    )


def in_common(group: GroupDetail) -> str:
    """What the dead letters have in common, a trait a line."""
    if not group.common:
        return (
            f"nothing that completed jobs have not ({group.dead:,} dead letters, {group.others:,} completed compared)"
        )
    lines = [f"{trait.what}={trait.value}: {_shares(trait)}" for trait in group.common]
    return "\n".join([*lines, f"({group.dead:,} dead letters, {group.others:,} completed jobs compared)"])


def _shares(trait: Trait) -> str:
    others = "nothing to compare with" if trait.others is None else f"{trait.others:.0%} of those that completed"
    return f"{trait.dead:.0%} of the dead, {others}"
