"""Whatever values, notes, errors and names hold: no raw control byte reaches a terminal."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from jobctl.store import Store
from jobctl.store.data import codec
from tests.support import Cli

CATALOG = """
version: 1
namespace: lab
defaults: {retries: {max: 0}}
jobs:
  charge: {python: "tests.commands.work_tasks:boom", index: [order]}
"""
EVIL = "a\x1b]0;owned\x07\x1b[2Jb\x9bc\u202ed\re"
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture
def shop(lab: Cli, store: Store, worker: Callable[[], None]) -> Cli:
    (lab.cwd / "jobs.yaml").write_text(CATALOG)
    lab("enqueue", "charge", f"order={EVIL}", f"note={EVIL}")
    body = codec.encode(codec.Body("default", "charge", [], {"order": EVIL}, {"label": EVIL}, "own", 0))
    store.client.hset(store.keys.bodies("default"), "listed", body)
    store.client.rpush(store.keys.ready("default"), "listed")
    ids = lab("job", "ls", "-o", "name").lines()
    worker()
    assert lab("job", "wait", *ids).code == 7
    store.client.sadd(store.keys.index("default"), f"charge|{EVIL}", f"{EVIL}|order")
    for row in lab("dead", "groups", "-o", "json").json():
        lab("dead", "note", row["group"], EVIL, "--owner", EVIL, "--link", f"https://x/{EVIL}")
    return lab


@pytest.mark.parametrize(
    "words",
    [
        "dead groups",
        "dead ls --by args.order",
        "dead ls job:charge --by args.order",
        "job ls --by args.order",
        "job ls --by args.note -o yaml",
        "job ls --by error",
        "index ls",
        "index ls -o yaml",
        "index drop charge",
        "doctor",
        "triage",
        "job ls job:charge args.order=EVIL --explain",
        "job ls args.order=EVIL",
        "job ls EVIL",
        "dead groups EVIL",
        "dead ls --by args.EVIL",
        "dead ls --by EVIL",
        "index build EVIL",
        "index drop EVIL",
        "dead note EVIL x",
    ],
)
def test_no_control_byte_reaches_the_terminal(shop: Cli, words: str) -> None:
    ran = shop(*(word.replace("EVIL", EVIL) for word in words.split()))
    assert ran.out + ran.err
    assert not RAW.search(ran.out + ran.err), ran.out + ran.err
    assert "Traceback" not in ran.err
    assert "internal error" not in ran.err


def test_the_note_of_a_group_is_shown_harmless(shop: Cli) -> None:
    [group, *_] = [row["group"] for row in shop("dead", "groups", "-o", "json").json()]
    for words in (("dead", "show", group), ("dead", "note", group), ("dead", "mute", group)):
        ran = shop(*words)
        assert not RAW.search(ran.out + ran.err)
