"""`jobctl enqueue`, as a user runs it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from jobctl.catalog.load import load
from jobctl.errors import UsageError
from jobctl.producer import Producer
from jobctl.store import Store
from tests.support import PATIENCE_S, Cli, eventually

JOB_FIELDS = [
    "id", "type", "queue", "state", "priority", "label", "parent", "payload", "enqueued_at", "due_at", "started_at",
    "finished_at", "max_retries", "attempt_count", "attempts", "progress", "result", "error", "message", "held",
    "touched",
    "overdue_since",
    "blocks",
]  # fmt: skip
ENQUEUED_FIELDS = [*JOB_FIELDS, "outcome", "holder", "replaced"]


def payload_of(store: Store, job_id: str) -> object:
    return json.loads(store.client.hget("lab:default.msgs", job_id))["kwargs"]


def test_it_prints_the_id_and_nothing_else(lab: Cli, store: Store) -> None:
    done = lab("enqueue", "greet", "name=Ada", "n=3", "ok:=false")

    assert (done.code, done.err) == (0, "")
    (job_id,) = done.lines()
    assert payload_of(store, job_id) == {"name": "Ada", "n": 3, "ok": False}


def test_arguments_win_over_the_payload_and_files_are_read_as_text(lab: Cli, store: Store) -> None:
    (lab.cwd / "name.txt").write_text("from a file\n")
    done = lab("enqueue", "greet", "name=@name.txt", "--payload", '{"name": "x", "n": 7}')

    assert payload_of(store, done.out.strip()) == {"name": "from a file\n", "n": 7}


def test_the_payload_can_come_from_stdin(lab: Cli, store: Store) -> None:
    done = lab("enqueue", "greet", "--payload", "-", input='{"name": "stdin"}')

    assert payload_of(store, done.out.strip()) == {"name": "stdin"}


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["gret", "name=x"], "did you mean `greet`?"),
        (["greet"], "`name` is missing"),
        (["greet", "name=x", "n=three"], "expected integer for `n`"),
        (["greet", "name=x", "nam=y"], "unknown `nam`"),
        (["greet", "name=x", "name=y"], "given twice"),
        (["greet", "name"], "write key=text"),
        (["greet", "n:=}", "name=x"], "`n` is not JSON"),
        (["greet", "--payload", "[1]"], "must be a JSON object, not an array"),
        (["greet", "--payload", "@nowhere"], "cannot read 'nowhere'"),
        (["greet", "name=@nowhere"], "cannot read 'nowhere'"),
        (["greet", "name=" + "x" * 5000], "the limit is 4096"),
        (["greet", "name=x", "--delay", "5"], "add a unit"),
        (["greet", "name=x", "--at", "yesterday"], "invalid time"),
        (["greet", "name=x", "--at", "12:00", "--delay", "5m"], "not both"),
        (["greet", "name=x", "--priority", "urgent"], "high, normal, low"),
        (["greet", "name=x", "--id", "no spaces"], "invalid id"),
        (["greet", "name=x", "--timeout", "5s"], "--timeout needs --wait"),
        (["greet", "name=x", "--from", "-"], "--from reads the payloads"),
        ([], "missing job type; write jobctl enqueue TYPE"),
    ],
)
def test_bad_input_is_one_line_and_exit_2_and_nothing_is_written(
    lab: Cli, store: Store, args: list[str], says: str
) -> None:
    done = lab("enqueue", *args)

    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert done.err.count("\n") == 1
    assert store.client.keys("*") == []


def test_without_redis_it_says_so_and_exits_3(lab: Cli) -> None:
    none = lab("enqueue", "greet", "name=x", env={"JOBCTL_REDIS_URL": ""})
    away = lab("enqueue", "greet", "name=x", env={"JOBCTL_REDIS_URL": "redis://127.0.0.1:1"})

    assert (none.code, none.out) == (3, "")
    assert "no Redis is configured" in none.err
    assert (away.code, away.out) == (3, "")
    assert "redis://127.0.0.1:1" in away.err
    assert away.err.count("\n") == 1


def test_json_is_the_record_and_only_that(lab: Cli) -> None:
    done = lab("enqueue", "greet", "name=Ada", "--delay", "1h", "--priority", "low", "-o", "json")

    record = done.json()
    assert list(record) == ENQUEUED_FIELDS
    assert (record["state"], record["priority"], record["label"]) == ("delayed", 10, "for Ada")


def test_a_known_id_is_said_with_its_state_and_is_no_error(lab: Cli) -> None:
    lab("enqueue", "greet", "name=Ada", "--id", "order-7")
    again = lab("enqueue", "greet", "name=Bob", "--id", "order-7")

    assert (again.code, again.out) == (0, "order-7\n")
    assert "was already enqueued: waiting" in again.err


def test_an_id_of_ones_own_is_known_though_its_job_was_trimmed(
    lab: Cli, store: Store, worker: Callable[[], None]
) -> None:
    catalog = (lab.cwd / "jobs.yaml").read_text()
    (lab.cwd / "jobs.yaml").write_text(catalog.replace("defaults: {", "defaults: {keep: {completed: 1h, count: 1}, "))
    worker()
    line = json.dumps({"type": "greet", "id": "order-8", "payload": {"name": "ann"}})
    assert lab("enqueue", "greet", "name=ann", "--id", "order-7", "--wait").code == 0
    assert lab("enqueue", "-", "--from", "-", "--wait", input=line).code == 0
    assert lab("enqueue", "greet", "name=ann", "--wait").code == 0
    assert lab("job", "show", "order-7").code == 4
    for job_id in ("order-7", "order-8"):
        ran = lab("enqueue", "greet", "name=ann", "--id", job_id)
        assert (ran.code, ran.out) == (0, f"{job_id}\n")
        assert "was already enqueued: ended, and no longer kept" in ran.err
    left = store.client.zscore(store.keys.known("default"), "order-7") - store.processes.now_ms()
    assert 55 * 60_000 < left <= 60 * 60_000


def test_wait_gives_the_final_record(lab: Cli, worker: Callable[[], None]) -> None:
    worker()
    done = lab("enqueue", "greet", "name=Ada", "--wait", "-o", "json")

    record = done.json()
    assert done.code == 0
    assert (record["state"], record["result"]) == ("completed", {"hello": "Ada", "n": 1, "ok": True})
    assert [attempt["outcome"] for attempt in record["attempts"]] == ["completed"]


def test_wait_exits_7_with_a_harmless_reason_when_the_job_dies(lab: Cli, worker: Callable[[], None]) -> None:
    worker()
    done = lab("enqueue", "boom", "--wait")

    assert done.code == 7
    assert len(done.lines()) == 1
    assert "ValueError: bad [/red]" in done.err
    assert done.err.count("\n") == 1
    assert not set("\x1b\x07\u202e\r") & set(done.err)


def test_wait_exits_6_when_the_time_runs_out_and_the_id_was_printed_before(lab: Cli) -> None:
    done = lab("enqueue", "greet", "name=x", "--wait", "--timeout", "100ms")

    assert done.code == 6
    assert len(done.lines()) == 1


def test_the_id_is_there_before_the_waiting_begins(lab: Cli) -> None:
    process = lab.start("enqueue", "greet", "name=x", "--wait")
    try:
        assert process.stdout is not None
        assert len(process.stdout.readline().strip()) == 20
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
    finally:
        process.kill()
        process.communicate()


def test_a_command_job_enqueues_its_children(lab: Cli, store: Store, worker: Callable[[], None]) -> None:
    worker()
    parent = lab("enqueue", "child", "--wait")
    assert parent.code == 0, parent.err
    parent_id = parent.out.strip()
    child = eventually(lambda: list(lab("job", "ls", "job:greet", "-o", "json").json()))[0]

    assert child["parent"] == parent_id


def test_lines_of_one_type_are_enqueued_in_order(lab: Cli, store: Store) -> None:
    lines = "".join(f'{{"name": "u{n}"}}\n' for n in range(2500))
    done = lab("enqueue", "greet", "--from", "-", input=lines)

    ids = done.lines()
    assert done.code == 0
    assert len(ids) == 2500
    assert [payload_of(store, ids[n]) for n in (0, 1234, 2499)] == [{"name": f"u{n}"} for n in (0, 1234, 2499)]
    assert [i.decode() for i in store.client.lrange("lab:default", 0, -1)] == ids


def test_bad_lines_are_numbered_and_good_ones_go_in(lab: Cli) -> None:
    lines = [
        '{"type": "greet", "payload": {"name": "a"}}',
        "{broken",
        '{"type": "gret", "payload": {"name": "a"}}',
        "",
        '{"type": "mail", "id": "mine", "delay": "1h", "priority": "high", "payload": {"name": "b"}}',
        "[1]",
        '{"type": "greet", "payload": {"name": 5}}',
        '{"type": "greet", "payload": {"name": "a"}, "dealy": "1h"}',
        '{"type": "greet", "payload": {"name": "' + "x" * 5000 + '"}}',
        '{"type": "greet", "payload": {"name": "' + "x" * 50000 + '"}}',
        '{"type": "greet", "payload": {"name": "last, without a line end"}}',
    ]
    done = lab("enqueue", "--from", "-", input="\n".join(lines))

    assert done.code == 1
    assert len(done.lines()) == 3
    assert done.lines()[1] == "mine"
    numbers = [line.split(":")[0] for line in done.err.splitlines() if line.startswith("line ")]
    assert numbers == [f"line {n}" for n in (2, 3, 6, 7, 8, 9, 10)]
    assert "did you mean `greet`?" in done.err
    assert "3 lines accepted, 7 bad" in done.err


def test_a_file_of_lines_waits_for_all_and_gives_the_worst_end(lab: Cli, worker: Callable[[], None]) -> None:
    worker()
    path = lab.cwd / "lines"
    path.write_text('{"type":"greet","payload":{"name":"a"}}\n{"type":"fail"}\n')
    done = lab("enqueue", "-", "--from", str(path), "--wait")

    assert done.code == 7
    assert len(done.lines()) == 2
    assert "2 jobs: 1 completed, 1 dead" in done.err


def test_bulk_json_is_the_bulk_result(lab: Cli) -> None:
    lines = '{"type":"greet","id":"a","payload":{"name":"x"}}\n' * 2 + "x\n"
    done = lab("enqueue", "--from", "-", "-o", "json", input=lines)

    assert done.json() == {"matched": 3, "changed": 1, "skipped": 1, "failed": 1}


def test_a_wrong_option_of_bulk_is_said_once(lab: Cli) -> None:
    done = lab("enqueue", "greet", "--from", "-", "--delay", "soon", input='{"name":"x"}\n' * 3)

    assert done.code == 2
    assert done.err.count("\n") == 1


def test_lines_of_a_slow_producer_go_in_as_they_come(lab: Cli, store: Store) -> None:
    process = lab.start("enqueue", "greet", "--from", "-", stdin=-1)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write('{"name":"first"}\n')
        process.stdin.flush()
        first = process.stdout.readline().strip()
        assert payload_of(store, first) == {"name": "first"}
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
        assert process.stderr is not None
        assert "1 line accepted" in process.stderr.read()
    finally:
        process.kill()
        process.communicate()


def test_redis_dying_midway_says_how_many_lines_went_in(lab: Cli, tmp_path: Path) -> None:
    from jobctl.engine.server.embedded import EmbeddedServer

    with EmbeddedServer(tmp_path / "own", durable=False) as own:
        process = lab.start("enqueue", "greet", "--from", "-", stdin=-1, env={"JOBCTL_REDIS_URL": own.url})
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write('{"name":"first"}\n')
        process.stdin.flush()
        assert process.stdout.readline()
    try:
        process.stdin.write('{"name":"second"}\n')
        process.stdin.flush()
        assert process.wait(PATIENCE_S) == 3
        assert process.stderr is not None
        told = process.stderr.read()
        assert told.count("\n") == 1
        assert "1 line accepted; 1 more may have been" in told
    finally:
        process.kill()
        process.communicate()


def test_a_reader_that_goes_away_ends_it_quietly(lab: Cli) -> None:
    read, write = os.pipe()
    os.close(read)
    process = lab.start("enqueue", "greet", "name=x", stdout=write)
    os.close(write)
    _, err = process.communicate(timeout=PATIENCE_S)

    assert err == ""
    assert process.returncode != 0


def test_a_default_of_the_schema_is_in_the_payload_of_each_job(lab: Cli) -> None:
    more = """
  copy:
    command: [echo, "{{ level }}"]
    payload: {properties: {level: {default: 3}, target: {properties: {folder: {default: /tmp}}}}}
"""
    catalog = lab.cwd / "jobs.yaml"
    catalog.write_text(catalog.read_text().replace("\njobs:\n", f"\njobs:{more}", 1))
    line = '{"type": "copy", "payload": {"target": {}}}'
    assert lab("enqueue", "copy", "target:={}").code == 0
    assert lab("enqueue", "--from", "-", input=line).code == 0
    payloads = [job["payload"] for job in lab("job", "ls", "job:copy", "-o", "json").json()]
    assert payloads == [{"target": {"folder": "/tmp"}, "level": 3}] * 2


def nested(depth: int) -> str:
    """A payload of so many levels."""
    return '{"name": ' + "[" * (depth - 1) + "]" * (depth - 1) + "}"


def test_a_payload_that_is_nested_too_deeply_is_refused(lab: Cli, store: Store) -> None:
    assert lab("enqueue", "boom", "--payload", nested(100)).code == 0
    for done in (
        lab("enqueue", "boom", "--payload", nested(101)),
        lab("enqueue", "boom", "name:=" + "[" * 100 + "]" * 100),
        lab("enqueue", "boom", "--payload", nested(900)),
    ):
        assert (done.code, done.out) == (2, "")
        assert "the payload is nested more than 100 levels deep" in done.err
    lines = f"{nested(400)}\n{{}}\n"
    done = lab("enqueue", "boom", "--from", "-", input=lines)
    assert (done.code, len(done.lines())) == (1, 1)
    assert "the payload is nested more than 100 levels deep" in done.err
    producer = Producer(load(lab.cwd / "jobs.yaml"), store.mint)
    with pytest.raises(UsageError, match="nested more than 100 levels deep"):
        producer.prepare("boom", json.loads(nested(101)))
