"""What the demo shows, step by step; each step checks what it claims."""

from __future__ import annotations

import csv
import json
import signal
import tarfile
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from importlib import resources
from pathlib import Path

import jobctl
from jobctl.demo.receiver import REFUSALS, Receiver
from jobctl.demo.shell import Shell
from jobctl.engine.server.embedded import find_running
from jobctl.engine.supervisor.parts import Part
from jobctl.errors import OperationFailed
from jobctl.settings import STATE_FOLDER
from jobctl.store import Store
from jobctl.store.data.records import Job
from jobctl.store.nouns.shown import to_job
from jobctl.store.wire.connection import connect

NAMESPACE = "demo"
ORDERS = 20
FIX = ("return int(amount) * 100", "return int(Decimal(amount) * 100)")


class Eyes:
    """Looks at the demo's own server, past the command line, to see whether what it said is so."""

    def __init__(self, folder: Path) -> None:
        url = find_running(folder / STATE_FOLDER)
        if url is None:
            raise OperationFailed("the demo failed: its server does not answer")
        self._store = Store(connect(url), NAMESPACE)

    def job(self, job_id: str) -> Job:
        found = self._store.jobs.find(job_id)
        if found is None:
            raise OperationFailed(f"the demo failed: there is no job {job_id}")
        return to_job(self._store.jobs.detailed(found))

    def dead(self, queue: str) -> int:
        """How many dead letters a queue has."""
        return self._store.queues.depth([queue])[0].dead or 0

    def completed(self, queue: str, job_type: str) -> list[Job]:
        found = [to_job(found) for batch in self._store.jobs.scan(queue, "completed") for found in batch]
        return [job for job in found if job.type == job_type]


def write_project(folder: Path, receiver: Receiver) -> None:
    """The catalog, its tasks, and what they work on."""
    (folder / "jobs.yaml").write_text(_data("jobs.yaml.in").replace("@RECEIVER@", receiver.url))
    (folder / "tasks.py").write_text(_data("tasks.py.in"))
    (folder / "sales.csv").write_text(_data("sales.csv"))
    lines = [json.dumps({"order": n, "amount": f"{n}.50"}) for n in range(1, ORDERS + 1)]
    (folder / "orders.ndjson").write_text("\n".join(lines) + "\n")


def tell(shell: Shell, up: Part, receiver: Receiver) -> None:
    """The whole story. Raises OperationFailed at the first thing that does not hold."""
    shell.say("A catalog defines the job types. Check it:")
    shell.run("validate")
    start(shell, up)
    command_job(shell)
    eyes = Eyes(shell.folder)
    http_job(shell, eyes, receiver)
    python_job(shell, eyes)
    failing = break_orders(shell, eyes)
    look(shell)
    repair(shell, eyes, up, failing)
    ticks(shell, eyes)


def start(shell: Shell, up: Part) -> None:
    shell.say("Start everything: a private server, two worker processes, a scheduler.")
    shell.typed("jobctl up --processes 2 --threads 4 &")
    up.start()

    def ready() -> bool:
        up.hear()
        return up.ready or up.poll() is not None

    shell.until("`jobctl up` is ready", ready)
    shell.check("server, workers and scheduler are up", up.alive)


def command_job(shell: Shell) -> None:
    shell.say("A command job packs a real folder (the code of jobctl itself) with tar.")
    source = Path(jobctl.__file__).parent
    archive = shell.folder / "code.tar.gz"
    shell.run("enqueue", "pack-folder", f"folder={source}", f"archive={archive}", "--wait", "--timeout", "2m")
    with tarfile.open(archive) as packed:
        names = packed.getnames()
    shell.check(
        f"the archive holds {len(names)} entries, the catalog's reader among them", "./catalog/load.py" in names
    )


def http_job(shell: Shell, eyes: Eyes, receiver: Receiver) -> None:
    shell.say("A webhook whose receiver answers 503 at first: the job is retried until it succeeds.")
    job_id = shell.run("enqueue", "deliver-webhook", "order:=1", "--wait", "--timeout", "2m").strip()
    attempts = [attempt.outcome for attempt in eyes.job(job_id).attempts]
    shell.check(f"the receiver answered {receiver.answers}", receiver.answers == [503] * REFUSALS + [200])
    shell.check(f"the job's attempts: {', '.join(attempts)}", attempts == ["failed"] * REFUSALS + ["completed"])


def python_job(shell: Shell, eyes: Eyes) -> None:
    shell.say("A Python job turns a CSV into a report.")
    job_id = shell.run("enqueue", "sales-report", "source=sales.csv", "--wait", "--timeout", "2m").strip()
    result = eyes.job(job_id).result
    for region, total in result.items():
        shell.check(f"sales {region}: {total}", Decimal(total) == _totals(shell.folder / "sales.csv")[region])


def break_orders(shell: Shell, eyes: Eyes) -> list[str]:
    shell.say(f"{ORDERS} payments at once, and `charge_card` has a bug: int('12.50').")
    answer = shell.run("enqueue", "charge-card", "--from", "orders.ndjson", lines=3)
    ids = answer.split()
    shell.check(f"{len(ids)} jobs were accepted", len(ids) == ORDERS)
    shell.until(f"{ORDERS} dead letters", lambda: eyes.dead("payments") == ORDERS)
    return ids


def look(shell: Shell) -> None:
    shell.say("Something is wrong with payments. How deep are the queues?")
    shell.run("queue", "ls")
    shell.say("Which jobs failed last?")
    shell.run("tail", "--failures", "-n", "5")
    shell.say("Why? Dead letters, grouped by error:")
    shell.run("dead", "groups")


def repair(shell: Shell, eyes: Eyes, up: Part, ids: Sequence[str]) -> None:
    group = shell.ask("dead", "groups")[0]
    shell.check(f"one group holds all {ORDERS}: {group['error']}", group["count"] == ORDERS)
    shell.say("Fix the bug and reload the workers, without losing a job:")
    tasks = shell.folder / "tasks.py"
    shell.typed(f"sed -i 's/{FIX[0]}/{FIX[1]}/' tasks.py; kill -HUP $(cat .jobctl/up.pid)".replace(" * 100", ""))
    tasks.write_text(tasks.read_text().replace(*FIX))
    up.signal(signal.SIGHUP)
    log = up.log or Path()
    shell.until("the workers have reloaded", lambda: "reloaded:" in log.read_text(errors="replace"))
    shell.check("the workers run the new code", True)
    shell.say("Preview a retry of the whole group, then run it.")
    shell.run("dead", "retry", "--group", group["group"], "--dry-run", lines=6)
    shell.run("dead", "retry", "--group", group["group"], "--yes", "--max", str(ORDERS))
    shell.run("job", "wait", *ids, "--timeout", "2m", typed=f"jobctl job wait {ids[0]} … --timeout 2m", lines=2)
    done = [eyes.job(job_id) for job_id in ids]
    shell.check(f"all {ORDERS} completed, under their own ids", all(job.state == "completed" for job in done))
    shell.check("no dead letter is left", eyes.dead("payments") == 0)
    cents = sorted(job.result for job in done)
    shell.check(
        f"and with the right amounts: {cents[0]} … {cents[-1]} cents",
        cents == [n * 100 + 50 for n in range(1, ORDERS + 1)],
    )


def ticks(shell: Shell, eyes: Eyes) -> None:
    shell.say("Meanwhile a schedule has ticked every second.")
    shell.until("three ticks", lambda: len(eyes.completed("default", "clock")) >= 3)
    shell.run("job", "ls", "job:clock", "--limit", "3")
    seconds = [job.enqueued_at.replace(microsecond=0) for job in eyes.completed("default", "clock") if job.enqueued_at]
    shell.check(f"{len(seconds)} ticks so far, none twice", len(seconds) == len(set(seconds)))


def _totals(path: Path) -> dict[str, Decimal]:
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for row in csv.DictReader(path.read_text().splitlines()):
        totals[row["region"]] += Decimal(row["quantity"]) * Decimal(row["unit_price"])
    return totals


def _data(name: str) -> str:
    return (resources.files("jobctl") / "data" / "demo" / name).read_text()
