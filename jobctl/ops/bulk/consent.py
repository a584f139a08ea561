"""How a change has to be agreed to: the more it touches, the more is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobctl.settings import Settings

if TYPE_CHECKING:
    from jobctl.ops.bulk.plan import Planned
    from jobctl.ops.bulk.verb import Verb
    from jobctl.store.data.records import PlanRow


@dataclass(frozen=True, slots=True)
class Change:
    """A change that is about to happen. `verb` and `noun` make the sentence: "retry 20 dead letters".

    `preview` shows what it touches, in lines. `whole_queue` names the queue when all of it goes; `named` says that each
    job was given by its id.
    """

    verb: str
    noun: str
    count: int
    preview: Sequence[str] = ()
    whole_queue: str | None = None
    named: bool = False

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
    return Change(
        verb=verb.does,
        noun=verb.nouns(planned.matched).partition(" ")[2],
        count=planned.matched,
        preview=planned.sample or [_part(part) for part in parts],
        whole_queue=(queues.pop() if len(queues) == 1 else "all") if whole else None,
        named=planned.selection.by_name,
    )


def _part(part: PlanRow) -> str:
    details = [part.type, part.error, f"queue {part.queue}", part.group and f"group {part.group}"]
    return f"{part.count:>9,}  {'  '.join(filter(None, (part.state, *details)))}"
