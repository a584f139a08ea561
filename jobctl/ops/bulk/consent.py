"""How a change has to be agreed to: the more it touches, the more is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobctl.settings import Settings
from jobctl.text import first_line

if TYPE_CHECKING:
    from jobctl.ops.bulk.plan import Planned
    from jobctl.ops.bulk.verb import Verb
    from jobctl.store.data.plans import PlanRow, Sample

MOST_PARTS = 10
MOST_UNDONE = 1_000_000
"""Jobs, as _undo.lua has it."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change that is about to happen. `verb` and `noun` make the sentence: "retry 20 dead letters".

    `preview` shows what it touches, in lines; `parts` are what its first lines say, for who can draw a table, and
    `tail` the other lines. `whole_queue` names the queue when all of it goes; `named` says that each
    job was given by its id. `lasting` says what of it cannot be taken back.
    """

    verb: str
    noun: str
    count: int
    preview: Sequence[str] = ()
    whole_queue: str | None = None
    named: bool = False
    lasting: str = ""
    parts: Sequence[PlanRow] = ()
    tail: Sequence[str] = ()

    def __str__(self) -> str:
        return f"{self.verb} {self.count:,} {self.noun}"

    @property
    def sentence(self) -> str:
        """The same as the beginning of a sentence."""
        text = str(self)
        return text[:1].upper() + text[1:]


@dataclass(frozen=True, slots=True)
class Question:
    """What someone has to answer: `word`, or yes where that is None."""

    word: str | None

    def agreed(self, answer: str) -> bool:
        """Whether that is agreement."""
        return answer.lower() in ("y", "yes") if self.word is None else answer == self.word


def question(change: Change, settings: Settings) -> Question | None:
    """What is asked before a change; None for nothing.

    One job needs no confirmation, nor do several that were named by their ids. For many it is yes; for a whole queue,
    and anything bulk under a production profile, the name.
    """
    if change.count <= 1 and change.whole_queue is None:
        return None
    if change.named and not settings.production:
        return None
    return Question(change.whole_queue or (settings.profile if settings.production else None))


def change_of(verb: Verb, planned: Planned) -> Change:
    """The change that a plan of a verb is."""
    parts = planned.parts
    whole = planned.whole and planned.matched > 1
    queues = {part.queue for part in parts}
    shown = () if planned.few else parts if len(parts) <= MOST_PARTS else parts[: MOST_PARTS - 1]
    others = [] if planned.few else _others(parts[len(shown) :])
    tail = [*others, *examples(planned)]
    return Change(
        verb=verb.does,
        noun=verb.nouns(planned.matched).partition(" ")[2],
        count=planned.matched,
        preview=[*_lines(shown), *tail],
        parts=shown,
        tail=tail,
        lasting=lasting(verb, planned),
        whole_queue=(queues.pop() if len(queues) == 1 else "all") if whole else None,
        named=planned.selection.by_name,
    )


def lasting(verb: Verb, planned: Planned) -> str:
    """What of a change `op undo` will not take back."""
    if not verb.undo:
        return "this cannot be undone"
    if planned.matched > MOST_UNDONE:
        return f"this cannot be undone: it is of more than {MOST_UNDONE:,} jobs"
    running = sum(part.count for part in planned.parts if part.state == "running")
    return f"of these, {running:,} are running: that cannot be undone" if running else ""


def _lines(parts: Sequence[PlanRow]) -> Iterator[str]:
    """A line for each part."""
    for part in parts:
        details = [part.type, part.error, f"queue {part.queue}", part.group and f"group {part.group}"]
        yield f"{part.count:>9,}  {'  '.join(filter(None, (part.state, *details)))}"


def _others(parts: Sequence[PlanRow]) -> list[str]:
    """What the parts that are not shown come to."""
    if not parts:
        return []
    kinds = [
        f"{len({getattr(part, what) for part in parts} - {None}):,} {what}s" for what in ("type", "group", "queue")
    ]
    return [f"{sum(part.count for part in parts):>9,}  others, of {', '.join(kinds)}"]


def examples(planned: Planned) -> Iterator[str]:
    """Some of the jobs, a line each: all of them, if they are few."""
    for one in planned.samples:
        yield example(one) if planned.few else f"such as {example(one)}"


def example(one: Sample) -> str:
    """A job in a line."""
    return "  ".join(part for part in (one.id, one.state, one.type, one.label, first_line(one.message)) if part)
