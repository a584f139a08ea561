"""`jobctl doctor` on real servers, well and badly configured."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from dramatiq import Message
from dramatiq.brokers.redis import RedisBroker

from jobctl.catalog.load import load
from jobctl.catalog.model import Keep
from jobctl.engine.liveness.known import Cataloged
from jobctl.engine.liveness.liveness import StoreLiveness
from jobctl.flow import specs
from jobctl.store import Store
from jobctl.store.nouns import server, trimming
from jobctl.store.nouns.processes import ChildInfo, Hanging, ProcessInfo
from jobctl.store.wire.layout import LAYOUT
from tests.commands import made
from tests.integration.servers import HOST, Node, running
from tests.project import Project
from tests.support import Cli, Ran, eventually

ROOT = Path(server.__file__).parents[1]
CATALOG = "version: 1\nnamespace: shop\njobs:\n  note: {command: [echo]}\n"
Serve = Callable[..., Node]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts a server with the given configuration."""
    nodes: list[Node] = []

    def begin(*lines: str) -> Node:
        nodes.append(Node(tmp_path, *lines))
        return nodes[-1]

    yield begin
    for node in nodes:
        with running(node):
            pass


def doctor(cli: Cli, node: Node, **env: str) -> tuple[Ran, dict[str, dict[str, Any]]]:
    (cli.cwd / "jobs.yaml").write_text(env.pop("catalog", CATALOG))
    ran = cli("doctor", "-o", "json", env={"JOBCTL_REDIS_URL": node.url} | env)
    return ran, {row["check"]: row for row in ran.json()}


def test_a_good_server_passes_with_a_warning_that_nobody_works(cli: Cli, serve: Serve) -> None:
    ran, rows = doctor(cli, serve("appendonly yes"))
    assert ran.code == 0, ran.out
    assert {name for name, row in rows.items() if row["status"] != "ok"} == {"workers"}
    assert rows["version"]["found"].startswith(("Valkey", "Redis"))


def test_bad_settings_are_named_with_what_to_do(cli: Cli, serve: Serve) -> None:
    node = serve("maxmemory 100mb", "maxmemory-policy allkeys-lru")
    ran, rows = doctor(cli, node)
    assert ran.code == 1
    assert rows["eviction"]["status"] == rows["durability"]["status"] == "fail"
    assert "noeviction" in rows["eviction"]["advice"]
    assert "appendonly" in rows["durability"]["advice"]


def test_memory_that_is_nearly_full_is_told(cli: Cli, serve: Serve) -> None:
    node = serve("appendonly yes", "maxmemory 1mb")
    _, rows = doctor(cli, node)
    assert rows["memory"]["status"] == "fail"


def test_a_replica_is_read_only(cli: Cli, serve: Serve) -> None:
    primary = serve()
    replica = serve(f"replicaof {HOST} {primary.port}")
    eventually(lambda: replica.ask("ROLE")[3] == b"connected")
    ran, rows = doctor(cli, replica)
    assert ran.code == 1
    assert rows["role"]["status"] == "fail"


def test_missing_permissions_are_named_and_what_is_hidden_is_told(cli: Cli, serve: Serve) -> None:
    node = serve("user poor on >hush ~shop:* &* +@all -config -info -zadd")
    env = {"JOBCTL_REDIS_URL": f"redis://poor@{HOST}:{node.port}/0", "JOBCTL_REDIS_PASSWORD": "hush"}
    ran, rows = doctor(cli, node, **env)
    assert ran.code == 1
    assert rows["permissions"]["found"] == "not permitted: ZADD"
    assert "cannot tell" in rows["eviction"]["found"]


def test_a_user_with_the_wrong_keys_may_do_nothing_with_them(cli: Cli, serve: Serve) -> None:
    node = serve("user stray on >hush ~other:* &other:* +@all")
    env = {"JOBCTL_REDIS_URL": f"redis://stray@{HOST}:{node.port}/0", "JOBCTL_REDIS_PASSWORD": "hush"}
    ran, rows = doctor(cli, node, **env)
    assert ran.code == 1
    assert "permi" in rows.get("permissions", rows["redis"])["found"]


def test_without_config_it_cannot_tell_how_often_the_file_is_synced(cli: Cli, serve: Serve) -> None:
    node = serve("appendonly yes", "user managed on >hush ~* &* +@all -config")
    env = {"JOBCTL_REDIS_URL": f"redis://managed@{HOST}:{node.port}/0", "JOBCTL_REDIS_PASSWORD": "hush"}
    ran, rows = doctor(cli, node, **env)
    assert ran.code == 0
    assert "cannot tell" in rows["durability"]["found"]


def test_a_redis_that_is_away_is_a_row_like_the_others(cli: Cli, serve: Serve) -> None:
    node = serve()
    node.kill()
    ran, rows = doctor(cli, node)
    assert ran.code == 1
    assert rows["redis"]["status"] == "fail"
    assert rows["catalog"]["status"] == "ok"


def test_jobs_that_nobody_will_run_are_told(cli: Cli, serve: Serve) -> None:
    node = serve("appendonly yes")
    env = {"JOBCTL_REDIS_URL": node.url}
    (cli.cwd / "jobs.yaml").write_text(CATALOG)
    assert cli("enqueue", "note", env=env).code == 0
    changed = CATALOG.replace("note", "other") + "schedules:\n  s: {job: other, every: 1h}\n"
    ran, rows = doctor(cli, node, catalog=changed)
    assert ran.code == 1
    assert "default (1 waiting)" in rows["workers"]["found"]
    assert "note" in rows["job types"]["found"]
    assert rows["scheduler"]["status"] == "fail"


def test_a_cursor_that_a_wrong_clock_moved_is_told_and_that_it_was_set_back(cli: Cli, serve: Serve) -> None:
    node = serve("appendonly yes")
    catalog = CATALOG + "schedules:\n  nightly: {job: note, every: 1h}\n  sync: {job: note, every: 1h}\n"
    now = int(node.ask("TIME")[0]) * 1000
    node.ask("SET", "shop:@layout", LAYOUT)
    node.ask("HSET", "shop:@cursors", "nightly", now + 2 * 86_400_000, "sync", now)
    _, rows = doctor(cli, node, catalog=catalog)
    assert rows["schedules"]["status"] == "warn"
    assert rows["schedules"]["found"].startswith("the cursor of nightly is at ")
    node.ask("HSET", "shop:@cursors", "nightly", now, "nightly|set_back", f"{now} {now + 2 * 86_400_000}")
    _, rows = doctor(cli, node, catalog=catalog)
    assert rows["schedules"]["found"].startswith("the cursor of nightly was reset from ")
    node.ask("HSET", "shop:@cursors", "nightly|set_back", f"{now - 2 * 86_400_000} {now}")
    _, rows = doctor(cli, node, catalog=catalog)
    assert rows["schedules"]["status"] == "ok"


def test_a_broken_catalog_is_a_row(cli: Cli, serve: Serve) -> None:
    ran, rows = doctor(cli, serve("appendonly yes"), catalog="version: 1\njobs: 3\n")
    assert ran.code == 1
    assert rows["catalog"]["status"] == "fail"


def test_stock_processes_and_what_they_left_are_told(cli: Cli, serve: Serve) -> None:
    node = serve("appendonly yes")
    stock = RedisBroker(client=node.client, namespace="shop")
    stock.enqueue(Message("default", "note", (), {}, {}), delay=1000)
    _, rows = doctor(cli, node)
    assert rows["stock workers"]["status"] == "warn"
    assert rows["stock inboxes"]["found"] == "not taken in yet: 1 in default"
    stock.enqueue(Message("default", "note", (), {}, {}))
    stock.do_fetch("default", 1)
    _, rows = doctor(cli, node)
    assert rows["stock workers"]["status"] == "fail"
    assert "default" in rows["stock workers"]["found"]


def test_a_late_beat_is_told(cli: Cli, serve: Serve) -> None:
    node = serve("appendonly yes")
    seconds, _ = node.ask("TIME")
    node.ask("SET", "shop:@layout", LAYOUT)
    node.ask("ZADD", "shop:@beats", (int(seconds) - 10) * 1000, "host:1:abc")
    _, rows = doctor(cli, node)
    assert rows["beats"]["status"] == "warn"
    assert "host:1:abc" in rows["beats"]["found"]


def test_the_table_is_for_people(cli: Cli, serve: Serve) -> None:
    ran = cli("doctor", env={"JOBCTL_REDIS_URL": serve().url, "JOBCTL_NAMESPACE": "shop"})
    assert ran.out.splitlines()[0].split() == ["CHECK", "STATUS", "SINCE", "FOUND", "ADVICE"]


SHOP = """\
version: 1
namespace: lab
queues: {mail: {rate_limit: 1/h}}
jobs:
  send: {command: [echo], queue: mail}
  note: {command: [echo]}
"""


def findings(cli: Cli) -> dict[str, dict[str, Any]]:
    return {row["check"]: row for row in cli("doctor", "-o", "json").json()}


@pytest.fixture
def shop(redis_cli: Cli) -> Cli:
    (redis_cli.cwd / "jobs.yaml").write_text(SHOP)
    return redis_cli


def serving(store: Store, *queues: str, child: ChildInfo | None = None) -> None:
    """A worker with two processes of 24 threads is alive."""
    children = (child or ChildInfo(name="h:1:a:1", pid=2, running=0, memory_mb=1.0),)
    info = ProcessInfo(
        name="h:1:a",
        kind="worker",
        host="h",
        pid=1,
        queues=queues,
        processes=2,
        threads=24,
        started_ms=1,
        children=children,
    )
    store.processes.beat(info)


def test_a_job_type_whose_queue_nobody_serves_is_told(shop: Cli, redis_client: redis.Redis) -> None:
    store = Store(redis_client, "lab")
    serving(store, "default")
    row = findings(shop)["served types"]
    assert (row["status"], row["found"]) == ("warn", "no worker serves the queue of send (queue mail)")
    assert "jobctl worker --queues mail" in row["advice"]
    serving(store, "default", "mail")
    assert findings(shop)["served types"]["status"] == "ok"


def test_many_dead_letters_are_told_with_what_to_type_next(shop: Cli, redis_client: redis.Redis) -> None:
    store = Store(redis_client, "lab")
    made.dead(store, 99)
    row = findings(shop)["dead letters"]
    assert (row["status"], row["found"]) == ("ok", "99")
    made.dead(store, 1_205, queue="mail")
    row = findings(shop)["dead letters"]
    assert (row["status"], row["found"]) == ("warn", "1,304: 1,205 in mail, 99 in default")
    assert "`jobctl dead groups`" in row["advice"]
    assert row["since"] is not None


def test_dead_letters_that_were_dropped_or_soon_will_be_are_told(shop: Cli, redis_client: redis.Redis) -> None:
    store = Store(redis_client, "lab")
    catalog = (shop.cwd / "jobs.yaml").read_text()
    (shop.cwd / "jobs.yaml").write_text(f"{catalog}\ndefaults: {{keep: {{dead_count: 10}}}}\n")
    made.dead(store, 8, queue="mail")
    assert findings(shop)["dropped letters"]["status"] == "ok"
    made.dead(store, 1, queue="mail")
    row = findings(shop)["dropped letters"]
    assert (row["status"], row["found"]) == ("warn", "`keep` will soon drop dead letters of mail")
    made.dead(store, 3, queue="mail")
    trimming.trim(store, "mail", Keep(dead_count=5))
    row = findings(shop)["dropped letters"]
    assert row["status"] == "warn"
    assert row["found"].startswith("`keep` has dropped dead letters: 7 of mail since ")
    assert "keep.dead_count" in row["advice"]
    detail = shop("queue", "show", "mail", "-o", "json").json()
    assert detail["dropped"] == 7
    assert detail["last_dropped_at"] is not None
    assert "7 dead letters by `keep`" in shop("queue", "show", "mail").out


def test_jobs_that_are_held_by_a_limit_that_is_no_more_are_told(shop: Cli, redis_client: redis.Redis) -> None:
    store = Store(redis_client, "lab")
    store.limits.define("mail", specs(load(shop.cwd / "jobs.yaml"), "mail"))  # as a worker does
    for _ in range(3):
        assert shop("enqueue", "send").code == 0
    store.settle.fetch("w", ["mail"], 10)
    assert findings(shop)["held jobs"]["status"] == "ok"
    (shop.cwd / "jobs.yaml").write_text(SHOP.replace("{rate_limit: 1/h}", "{}"))
    row = findings(shop)["held jobs"]
    assert (row["status"], row["found"]) == (
        "warn",
        "jobs are held by limits that no longer exist: 2 of queue:mail by a limit",
    )
    assert row["since"] is not None


def test_a_job_that_another_dashboard_deleted_is_told_and_goes_by_itself(shop: Cli, redis_client: redis.Redis) -> None:
    store = Store(redis_client, "lab")
    job_id = shop("enqueue", "note", "--delay", "1h").out.strip()
    redis_client.hdel("lab:default.msgs", job_id)
    assert shop("queue", "ls", "default", "-o", "json").json()[0]["delayed"] == 1
    row = findings(shop)["ghosts"]
    assert (row["status"], row["found"]) == ("warn", "ids without a job: 1 in default")
    StoreLiveness(store, Cataloged(load(shop.cwd / "jobs.yaml"))).sweep()
    assert findings(shop)["ghosts"]["status"] == "ok"
    assert shop("queue", "ls", "default", "-o", "json").json()[0]["delayed"] == 0


def test_threads_that_hang_past_their_time_limit_are_told(shop: Cli, redis_client: redis.Redis) -> None:
    store = Store(redis_client, "lab")
    serving(store, "default", "mail")
    assert findings(shop)["threads"]["status"] == "ok"
    since = store.processes.now_ms() - 150_000
    late = (Hanging("mail", "job-7", since),)
    child = ChildInfo(name="h:1:a:1", pid=2, running=0, memory_mb=1.0, hanging=48, hanging_jobs=late)
    serving(store, "default", "mail", child=child)
    row = findings(shop)["threads"]
    assert row["status"] == "fail"
    assert row["found"] == "48 of 48 threads hang past the time limit of their job, on h pid 1: job-7"
    assert row["since"] is not None
    assert "2m ago" in shop("doctor").out
    assert shop("ps", "-o", "json").json()[0]["hanging"] == 48


def test_a_thread_that_nothing_interrupts_is_seen_from_outside(project: Project) -> None:
    project.start("worker", "--processes=1", "--threads=1")
    job = project.client.enqueue("slow", {"n": 1, "s": 600})

    def told() -> dict[str, Any] | None:
        row = findings(project.cli)["threads"]
        return row if row["status"] == "fail" else None

    row = eventually(told, what="the thread to be told")
    assert row["found"].startswith("1 of 1 threads hang past the time limit of their job")
    assert job.id in row["found"]


def test_every_command_of_the_scripts_and_the_store_is_asked_for() -> None:
    scripts = {name for path in (ROOT / "scripts").glob("*.lua") for name in _called(path.read_text())}
    plain = r"(?:client|pipe|listener)\.([a-z]+)\("
    modules = {m.upper() for path in ROOT.rglob("*.py") for m in re.findall(plain, path.read_text())}
    modules = {{"DELETE": "DEL"}.get(name, name) for name in modules}  # what the client calls it
    own = {"PIPELINE", "EXECUTE", "CLOSE", "PUBSUB", "PING", "INFO"}
    assert scripts | (modules - own) <= server.NEEDED


def _called(source: str) -> list[str]:
    return re.findall(r"redis\.call\('([A-Z]+)'", source)


def test_a_permission_probe_changes_nothing(redis_client: redis.Redis) -> None:
    from jobctl.store import Store

    assert Store(redis_client, "shop").server.denied() == []
    assert redis_client.dbsize() == 0


def test_pauses_are_told_with_what_ends_them(cli: Cli, serve: Serve) -> None:
    node = serve("appendonly yes")
    env = {"JOBCTL_REDIS_URL": node.url}
    catalog = CATALOG + "schedules:\n  nightly: {job: note, every: 1h}\n  sync: {job: note, every: 1h}\n"
    _, rows = doctor(cli, node, catalog=catalog)
    assert (rows["pauses"]["status"], rows["schedule pauses"]["status"]) == ("ok", "ok")
    assert cli("queue", "pause", "default", "--for", "1h", "--reason", "bad deploy", env=env).code == 0
    assert cli("schedule", "pause", "sync", "--for", "1h", "--reason", "too slow", env=env).code == 0
    _, rows = doctor(cli, node, catalog=catalog)
    until = r"is paused until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ: "
    assert re.match(f"queue default {until}bad deploy ", rows["pauses"]["found"])
    assert re.match(f"sync {until}too slow ", rows["schedule pauses"]["found"])
    assert rows["schedule pauses"]["advice"] == "to end it: `jobctl schedule resume sync`"
