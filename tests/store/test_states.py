"""The table of states is the same in Python, in Lua and in the documents, and says something for every verb."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import msgspec
import pytest

from jobctl.store.data.records import QueueRow
from jobctl.store.data.states import ALL, STATES, TERMINAL, VERBS, WAY, State, allowing
from jobctl.store.wire.keys import Keys

SCRIPTS = resources.files("jobctl.store") / "scripts"
DOCS = Path(__file__).parents[2] / "docs"


def rows(fragment: str) -> set[tuple[str, str, str]]:
    """(state, key, attributes) of each row of a table in Lua."""
    text = (SCRIPTS / f"{fragment}.lua").read_text(encoding="utf-8")
    return {
        (state, key, " ".join(sorted(re.findall(r"(\w+) = true", rest))))
        for state, key, rest in re.findall(r"\{ state = '(\w+)', key = '(\w+)'(.*?) \}", text)
    }


def attributes(state: State, kind: str) -> str:
    words = {
        "hash": kind == "hash",
        "timed": state.moment == "due",
        "line": state.line,
        "at_end": state.ended and state.moment == "finished",
        "kept": state.ended and "rm" in state.allows,
        "expires": state.moment == "expires",
    }
    return " ".join(sorted(word for word, is_so in words.items() if is_so))


@pytest.mark.parametrize(("fragment", "ended"), [("_live", False), ("_ended", True)])
def test_scripts_and_python_know_the_same_states(fragment: str, ended: bool) -> None:
    expected = {(s.name, p.key, attributes(s, p.kind)) for s in ALL if s.ended is ended for p in s.places}
    assert rows(fragment) == expected


@pytest.mark.parametrize("state", ALL, ids=STATES)
def test_every_verb_changes_a_job_or_says_why_not(state: State) -> None:
    assert state.answers.keys() | (state.allows & {*VERBS}) == {*VERBS}
    assert not state.answers.keys() & state.allows


@pytest.mark.parametrize("state", ALL, ids=STATES)
def test_every_place_is_a_key_of_a_queue(state: State) -> None:
    assert all(getattr(Keys("NS"), place.key)("q").startswith("NS:") for place in state.places)


def test_a_queue_has_a_field_for_each_state_that_is_counted_in_the_order_of_the_table() -> None:
    fields = [field.name for field in msgspec.structs.fields(QueueRow) if field.name in STATES]
    assert fields == [state.name for state in ALL if state.counted]


def test_the_documents_name_every_state() -> None:
    machine = (DOCS / "machine-format.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `state` \| (.*) \|$", machine, re.MULTILINE)
    assert re.findall(r"`(\w+)`", told[0]) == [*STATES]
    redis = (DOCS / "redis.md").read_text(encoding="utf-8")
    assert {*STATES} <= {*re.findall(r"^\| (\w+)(?:, shown as \w+)? \|", redis, re.MULTILINE)}


def test_the_verbs_choose_the_states_that_allow_them() -> None:
    assert allowing("retry") == ("delayed", "retrying", "dead", "cancelled")
    assert not {"running", *TERMINAL} & {*allowing("empty")}


def test_whoever_looks_at_jobs_on_their_way_looks_at_every_state() -> None:
    assert {*WAY} == {*STATES}
    on_the_way = [WAY.index(name) for name in ("delayed", "limited", "waiting", "running", "completed")]
    assert on_the_way == sorted(on_the_way)
    assert WAY[-1] == "retrying"
