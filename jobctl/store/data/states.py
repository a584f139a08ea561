"""The table of states: where the jobs of each are kept, what may be done with them, and how they are shown.

Scripts have the same table in `_live.lua` and `_ended.lua`. docs/redis.md says what the keys hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec


class Place(msgspec.Struct, frozen=True):
    """A key that holds ids of a state: the name of a function of `Keys`, and its type."""

    key: str
    kind: Literal["list", "set", "hash"] = "set"


class Answer(msgspec.Struct, frozen=True):
    """What to say of a job that a verb does not change.

    `kind`: already (it is so), nothing (there is nothing left to do), refused (something else has to be done first).
    `text` follows "job ID", `hint` says what to do; `{id}` in it is the job's.
    """

    kind: Literal["already", "nothing", "refused"]
    text: str = ""
    hint: str = ""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table.

    `moment` is the time that tells most about a job in this state, `when` the words before it. `places` hold the ids,
    those that come last newest. `counted` states are columns of `queue ls`. `line`: the job may be started next.
    `well`: it has done what it was enqueued for. `died`: its record says of what, and in which group.
    `allows` are the verbs that change such a job; `answers` what the other verbs of VERBS say of it.
    """

    name: str
    does: str
    places: tuple[Place, ...]
    ended: bool = False
    well: bool = False
    died: bool = False
    line: bool = False
    counted: bool = False
    moment: Literal["enqueued", "due", "started", "finished", "expires"]
    when: str = ""
    style: str
    glyph: str
    next_step: str = ""
    allows: frozenset[str]
    answers: Mapping[str, Answer]


VERBS = ("cancel", "retry", "promote", "priority", "rm")
"""What `jobctl job` does with jobs in any state. `empty`, `discard` and `restore` are asked of whole selections."""

_ALREADY = Answer("already")
_NOTHING = Answer("nothing")
_CANCEL_FIRST = Answer("refused", hint="cancel it first")
_RETRY = Answer("nothing", hint="bring it back with `jobctl job retry`")
_RESTORE = Answer("nothing", hint="bring it back with `jobctl dead restore`")
_WAITS = frozenset({"cancel", "priority", "empty"})

ALL = (
    State(
        name="waiting",
        does="is waiting",
        places=(Place("ready", "list"), Place("ordered")),
        line=True,
        counted=True,
        moment="enqueued",
        when="for",
        style="",
        glyph="·",
        allows=_WAITS,
        answers={"retry": _ALREADY, "promote": _ALREADY, "rm": _CANCEL_FIRST},
    ),
    State(
        name="delayed",
        does="is delayed",
        places=(Place("delayed"),),
        counted=True,
        moment="due",
        when="due",
        style="yellow",
        glyph="◷",
        next_step="run it now: jobctl job promote {id}",
        allows=_WAITS | {"retry", "promote"},
        answers={"rm": _CANCEL_FIRST},
    ),
    State(
        name="retrying",
        does="is retrying",
        places=(Place("retrying"),),
        counted=True,
        moment="due",
        when="next attempt",
        style="yellow",
        glyph="↻",
        next_step="run it now: jobctl job promote {id}",
        allows=_WAITS | {"retry", "promote"},
        answers={"rm": _CANCEL_FIRST},
    ),
    State(
        name="limited",
        does="is limited",
        places=(Place("limited"),),
        line=True,
        counted=True,
        moment="enqueued",
        when="for",
        style="yellow",
        glyph="◷",
        allows=_WAITS,
        answers={
            "retry": Answer("already", "is already waiting, for its turn under a limit"),
            "promote": Answer(
                "refused", "is held by a limit, which applies to every job", "`jobctl job show {id}` names it"
            ),
            "rm": _CANCEL_FIRST,
        },
    ),
    State(
        name="running",
        does="is running",
        places=(Place("running", "hash"),),
        counted=True,
        moment="started",
        when="for",
        style="cyan",
        glyph="▶",
        allows=frozenset({"cancel"}),
        answers={
            "retry": Answer("refused", hint="retry it after it has failed"),
            "promote": _ALREADY,
            "priority": _NOTHING,
            "rm": _CANCEL_FIRST,
        },
    ),
    State(
        name="completed",
        does="has completed",
        places=(Place("completed"),),
        ended=True,
        well=True,
        moment="finished",
        style="green",
        glyph="✓",
        allows=frozenset({"rm"}),
        answers={
            "cancel": _NOTHING,
            "retry": Answer("refused", hint="enqueue a new job for another run"),
            "promote": _NOTHING,
            "priority": _NOTHING,
        },
    ),
    State(
        name="dead",
        does="is dead",
        places=(Place("dead"),),
        ended=True,
        died=True,
        counted=True,
        moment="finished",
        style="red",
        glyph="✗",
        next_step="run it again: jobctl job retry {id}",
        allows=frozenset({"retry", "discard"}),
        answers={
            "cancel": Answer("nothing", hint="discard it with `jobctl dead discard`"),
            "promote": _RETRY,
            "priority": _RETRY,
            "rm": Answer("refused", hint="move it to the trash with `jobctl dead discard`"),
        },
    ),
    State(
        name="cancelled",
        does="is cancelled",
        places=(Place("cancelled"),),
        ended=True,
        moment="finished",
        style="dim",
        glyph="⊘",
        allows=frozenset({"retry", "rm"}),
        answers={"cancel": _ALREADY, "promote": _RETRY, "priority": _RETRY},
    ),
    State(
        name="discarded",
        does="is in the trash",
        places=(Place("trash"),),
        ended=True,
        died=True,
        moment="expires",
        style="dim",
        glyph="⊘",
        next_step="bring it back: jobctl dead restore id:{id}",
        allows=frozenset({"restore"}),
        answers={
            "cancel": _NOTHING,
            "retry": Answer("refused", hint="bring it back with `jobctl dead restore`"),
            "promote": _RESTORE,
            "priority": _RESTORE,
            "rm": Answer("refused", hint="the trash expires by itself"),
        },
    ),
)
"""Every state, in the order in which they are listed."""

BY_NAME: Mapping[str, State] = {state.name: state for state in ALL}
STATES = tuple(state.name for state in ALL)
TERMINAL = tuple(state.name for state in ALL if state.ended)
UNWELL = tuple(state.name for state in ALL if state.ended and not state.well)
WAY = (
    *(state.name for state in ALL if not (state.line or state.ended or state.moment == "started")),
    *(state.name for state in reversed(ALL) if state.line),
    *(state.name for state in ALL if state.moment == "started"),
    *TERMINAL,
    "retrying",
)
"""The states as a job goes through them. Whoever looks at them in this order meets a job that continues meanwhile
further on, one that failed at last."""


def allowing(verb: str) -> tuple[str, ...]:
    """The states whose jobs a verb changes."""
    return tuple(state.name for state in ALL if verb in state.allows)
