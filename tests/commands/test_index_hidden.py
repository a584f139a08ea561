"""Indexes on redacted keys: found exactly by who may see the values, and by nobody's guess."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from jobctl.store import Store
from jobctl.store.data import codec
from jobctl.store.data.indexed import digest
from tests.support import Cli

CATALOG = """
version: 1
namespace: lab
defaults: {retries: {max: 0}}
jobs:
  mail: {python: "tests.commands.work_tasks:boom", index: [to, order], redact: [to]}
  greet: {python: "tests.commands.work_tasks:greet"}
"""
SECRET = "a-key-of-more-than-16-characters"


@pytest.fixture
def shop(lab: Cli) -> Cli:
    (lab.cwd / "jobs.yaml").write_text(CATALOG)
    lab.env["JOBCTL_INDEX_KEY"] = SECRET
    return lab


def names(store: Store) -> list[str]:
    return store.indexes.names("default")


def explained(shop: Cli, *words: str) -> list[str]:
    found = shop("job", "ls", "job:mail", *words, "--explain", "-o", "json").json()["served_by"]
    return [str(line) for line in found]


def test_a_redacted_value_is_found_by_who_may_see_it(shop: Cli, store: Store) -> None:
    [job_id] = shop("enqueue", "mail", "to=ada@example.com", "order=1").lines()
    shop("enqueue", "mail", "to=bob@example.com", "order=2")
    found = shop("job", "ls", "job:mail", "args.to=ada@example.com", "--unredacted", "-o", "name")
    assert (found.code, found.lines()) == (0, [job_id])
    assert explained(shop, "args.to=ada@example.com", "--unredacted") == ["the index of args.to of mail"]
    audited = shop("audit", "-o", "json").json()
    assert any("--unredacted" in row["command"] for row in audited)
    assert "ada@example" not in json.dumps(audited)


def test_nothing_in_redis_tells_the_value(shop: Cli, store: Store) -> None:
    [job_id] = shop("enqueue", "mail", "to=ada@example.com", "order=1").lines()
    hidden = next(name for name in names(store) if name.endswith(":to"))
    [score] = store.indexes.scores("default", hidden, [job_id])
    assert score is not None
    assert score != digest("ada@example.com")
    everything = b"".join(store.client.scan_iter("*"))
    assert SECRET.encode() not in everything


def test_a_guess_learns_nothing_without_unredacted(shop: Cli) -> None:
    shop("enqueue", "mail", "to=ada@example.com", "order=1")
    right = shop("job", "ls", "job:mail", "args.to=ada@example.com")
    wrong = shop("job", "ls", "job:mail", "args.to=eve@example.com")
    assert (right.out, right.code) == (wrong.out, wrong.code)
    assert right.err.replace("ada", "eve") == wrong.err
    assert explained(shop, "args.to=ada@example.com") == ["all 1 waiting jobs of queue default are read"]
    for words in (("job", "ls"), ("job", "ls", "--unredacted"), ("dead", "ls")):
        counted = shop(*words, "job:mail", "--by", "args.to")
        assert "ada@example" not in counted.out + counted.err
    assert shop("job", "ls", "job:mail", "--by", "args.to", "--unredacted").code == 5


def test_completion_does_not_tell(shop: Cli) -> None:
    shop("enqueue", "mail", "to=ada@example.com", "order=1")
    for words in ("job ls args.to=", "job ls args.to=a", "dead ls args.to="):
        asked = {"_JOBCTL_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": f"jobctl {words}"}
        assert "ada" not in shop(env=asked).out


def test_without_the_secret_key_such_values_are_read(shop: Cli, store: Store) -> None:
    shop.env.pop("JOBCTL_INDEX_KEY")
    [job_id] = shop("enqueue", "mail", "to=ada@example.com", "order=1").lines()
    assert names(store) == ["mail|order"]
    rows = {row["key"]: row["state"] for row in shop("index", "ls", "-o", "json").json()}
    assert rows == {"order": "complete", "to": "no key"}
    find = ("job", "ls", "job:mail", "args.to=ada@example.com", "--unredacted", "-o", "name")
    assert shop(*find).lines() == [job_id]
    refused = shop("index", "build", "mail")
    assert refused.code == 2
    assert "JOBCTL_INDEX_KEY_FILE" in refused.err
    assert "secret key" in shop("doctor").out
    shop.env["JOBCTL_INDEX_KEY"] = SECRET
    assert shop("index", "build", "mail").code == 0
    assert shop(*find).lines() == [job_id]
    assert explained(shop, "args.to=ada@example.com", "--unredacted") == ["the index of args.to of mail"]


def test_a_producer_without_the_key_leaves_its_jobs_to_those_who_have_it(
    shop: Cli, store: Store, worker: Callable[[], None]
) -> None:
    shop("enqueue", "mail", "to=bob@example.com")
    shop.env.pop("JOBCTL_INDEX_KEY")
    ids = shop("enqueue", "mail", "to=ada@example.com").lines()
    shop.env["JOBCTL_INDEX_KEY"] = SECRET
    find = ("job", "ls", "job:mail", "args.to=ada@example.com", "--unredacted", "-o", "name")
    assert shop(*find).lines() == ids
    worker()
    assert shop("job", "wait", *ids).code == 7
    assert shop(*find).lines() == ids


def test_another_secret_key_makes_another_index(shop: Cli) -> None:
    [job_id] = shop("enqueue", "mail", "to=ada@example.com").lines()
    shop.env["JOBCTL_INDEX_KEY"] = SECRET + "2"
    find = ("job", "ls", "job:mail", "args.to=ada@example.com", "--unredacted", "-o", "name")
    assert shop(*find).lines() == [job_id]  # the index of the other key does not serve: all are read
    rows = [(row["key"], row["state"]) for row in shop("index", "ls", "-o", "json").json()]
    assert sorted(rows) == [("order", "complete"), ("to", "none"), ("to", "stale")]
    assert shop("index", "build", "mail").code == 0
    assert shop(*find).lines() == [job_id]


def test_an_index_from_before_its_values_were_redacted_is_to_be_dropped(shop: Cli, store: Store) -> None:
    (shop.cwd / "jobs.yaml").write_text(CATALOG.replace(", redact: [to]", ""))
    shop("enqueue", "mail", "to=ada@example.com")
    (shop.cwd / "jobs.yaml").write_text(CATALOG)
    assert "jobctl index drop mail --key to" in shop("doctor").out
    assert shop("index", "drop", "mail", "--key", "to").code == 0
    assert "mail|to" not in names(store)


def test_a_stock_message_is_kept_under_the_key(shop: Cli, store: Store, worker: Callable[[], None]) -> None:
    shop("enqueue", "mail", "to=bob@example.com")
    body = codec.encode(codec.Body("default", "mail", [], {"to": "ada@example.com"}, {}, "own-id", 0))
    store.client.hset(store.keys.bodies("default"), "list-id", body)
    store.client.rpush(store.keys.ready("default"), "list-id")
    find = ("job", "ls", "job:mail", "args.to=ada@example.com", "--unredacted", "-o", "name")
    assert shop(*find).lines() == ["list-id"]
    worker()
    assert shop("job", "wait", "list-id").code == 7
    assert shop(*find).lines() == ["list-id"]


def test_a_secret_key_that_can_be_guessed_is_refused(shop: Cli, tmp_path: Path) -> None:
    shop.env["JOBCTL_INDEX_KEY"] = "short"
    refused = shop("job", "ls")
    assert refused.code == 2
    assert "openssl rand -hex 32" in refused.err
    assert "short" not in refused.err.replace("too short", "")
    shop.env.pop("JOBCTL_INDEX_KEY")
    shop.env["JOBCTL_INDEX_KEY_FILE"] = str(tmp_path / "nothing")
    assert shop("job", "ls").code == 2
    for text in ("", " " * 40, "0" * 40):
        (tmp_path / "nothing").write_text(text)
        assert shop("job", "ls").code == 2
    (tmp_path / "nothing").write_text(SECRET + "\n")
    assert shop("job", "ls").code == 0


def test_groups_do_not_tell_what_is_hidden(shop: Cli, worker: Callable[[], None]) -> None:
    ids = shop("enqueue", "mail", "to=ada@example.com", "order=1").lines()
    worker()
    assert shop("job", "wait", *ids).code == 7
    told = shop("dead", "groups", "-o", "json")
    assert [row["what"] for row in told.json()[0]["top"]] == ["args.order", "host"]
    assert "ada@" not in told.out + shop("dead", "groups").out
