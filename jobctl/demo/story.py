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
from typing import Any

import jobctl
from jobctl.demo.receiver import REFUSALS, Receiver
from jobctl.demo.shell import Shell
from jobctl.engine.parts import Part

ORDERS = 20
FIX = ("return int(amount) * 100", "return int(Decimal(amount) * 100)")


def write_project(folder: Path, receiver: Receiver) -> None:
    """The catalog, its tasks, and what they work on."""
    (folder / "jobs.yaml").write_text(_data("jobs.yaml.in").replace("@RECEIVER@", receiver.url))
    (folder / "tasks.py").write_text(_data("tasks.py.in"))
    (folder / "sales.csv").write_text(_data("sales.csv"))
    lines = [json.dumps({"order": n, "amount": f"{n}.50"}) for n in range(1, ORDERS + 1)]
    (folder / "orders.ndjson").write_text("\n".join(lines) + "\n")


def tell(shell: Shell, up: Part, receiver: Receiver) -> None:
    """The whole story. Raises OperationFailed at the first thing that does not hold."""
    shell.say("A catalog says which jobs exist. Is it in order?")
    shell.run("validate")
    start(shell, up)
    command_job(shell)
    http_job(shell, receiver)
    python_job(shell)
    failing = break_orders(shell)
    look(shell)
    repair(shell, up, failing)
    ticks(shell)


def start(shell: Shell, up: Part) -> None:
    shell.say("Everything at once: a private server, two worker processes, a scheduler.")
    shell.typed("jobctl up --processes 2 --threads 4 &")
    up.start()

    def ready() -> bool:
        up.hear()
        return up.ready or up.poll() is not None

    shell.until("`jobctl up` is ready", ready, 40)
    shell.check("server, workers and scheduler are up", up.alive)


def command_job(shell: Shell) -> None:
    shell.say("A command job packs a real folder (the code of jobctl itself) with tar.")
    source = Path(jobctl.__file__).parent
    archive = shell.folder / "code.tar.gz"
    shell.run("enqueue", "pack-folder", f"folder={source}", f"archive={archive}", "--wait", "--timeout", "20s")
    with tarfile.open(archive) as packed:
        names = packed.getnames()
    shell.check(
        f"the archive holds {len(names)} entries, the catalog's reader among them", "./catalog/load.py" in names
    )


def http_job(shell: Shell, receiver: Receiver) -> None:
    shell.say("A webhook whose receiver is away at first: 503 is tried again, until it is taken.")
    job_id = shell.run("enqueue", "deliver-webhook", "order:=1", "--wait", "--timeout", "20s").strip()
    attempts = [attempt["outcome"] for attempt in shell.ask("job", "show", job_id)["attempts"]]
    shell.check(f"the receiver answered {receiver.answers}", receiver.answers == [503] * REFUSALS + [200])
    shell.check(f"the job's attempts: {', '.join(attempts)}", attempts == ["failed"] * REFUSALS + ["completed"])


def python_job(shell: Shell) -> None:
    shell.say("A Python job turns a CSV into a report.")
    job_id = shell.run("enqueue", "sales-report", "source=sales.csv", "--wait", "--timeout", "20s").strip()
    result = shell.ask("job", "show", job_id)["result"]
    for region, total in result.items():
        shell.check(f"sales {region}: {total}", Decimal(total) == _totals(shell.folder / "sales.csv")[region])


def break_orders(shell: Shell) -> list[str]:
    shell.say(f"{ORDERS} payments at once, and `charge_card` has a bug: int('12.50').")
    answer = shell.run("enqueue", "charge-card", "--from", "orders.ndjson", lines=3)
    ids = answer.split()
    shell.check(f"{len(ids)} jobs were accepted", len(ids) == ORDERS)
    shell.until(f"{ORDERS} dead letters", lambda: _queue(shell, "payments")["dead"] == ORDERS)
    return ids


def look(shell: Shell) -> None:
    shell.say("Something is wrong with payments. How deep are the queues?")
    shell.run("queue", "ls")
    shell.say("What fails, last?")
    shell.run("tail", "--failures", "-n", "5")
    shell.say("And why? Dead letters, grouped by their error:")
    shell.run("dead", "groups")


def repair(shell: Shell, up: Part, ids: Sequence[str]) -> None:
    group = shell.ask("dead", "groups")[0]
    shell.check(f"one group holds all {ORDERS}: {group['error']}", group["count"] == ORDERS)
    shell.say("The fix, and the workers take it in without losing a job:")
    tasks = shell.folder / "tasks.py"
    shell.typed(f"sed -i 's/{FIX[0]}/{FIX[1]}/' tasks.py; kill -HUP $(cat .jobctl/up.pid)".replace(" * 100", ""))
    tasks.write_text(tasks.read_text().replace(*FIX))
    up.signal(signal.SIGHUP)
    log = up.log or Path()
    shell.until("the workers have reloaded", lambda: "reloaded:" in log.read_text(errors="replace"))
    shell.check("the workers run the new code", True)
    shell.say("What would a retry of the whole group do? Then do it.")
    shell.run("dead", "retry", "--group", group["group"], "--dry-run", lines=6)
    shell.run("dead", "retry", "--group", group["group"], "--yes")
    shell.run("job", "wait", *ids, "--timeout", "20s", typed=f"jobctl job wait {ids[0]} … --timeout 20s", lines=2)
    done = shell.ask("job", "ls", "job:charge-card", "state:completed")
    shell.check(f"all {ORDERS} completed, under their own ids", {job["id"] for job in done} == set(ids))
    shell.check("no dead letter is left", _queue(shell, "payments")["dead"] == 0)
    cents = sorted(job["result"] for job in done)
    shell.check(
        f"and with the right amounts: {cents[0]} … {cents[-1]} cents",
        cents == [n * 100 + 50 for n in range(1, ORDERS + 1)],
    )


def ticks(shell: Shell) -> None:
    shell.say("Meanwhile a schedule has ticked every second.")

    def enough() -> list[Any]:
        jobs: list[Any] = shell.ask("job", "ls", "job:clock", "state:completed")
        return jobs if len(jobs) >= 3 else []

    shell.until("three ticks", enough)
    shell.run("job", "ls", "job:clock", "--limit", "3")
    seconds = [job["enqueued_at"][:19] for job in enough()]
    shell.check(f"{len(seconds)} ticks so far, none twice", len(seconds) == len(set(seconds)))


def _queue(shell: Shell, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(row for row in shell.ask("queue", "ls") if row["queue"] == name)
    return found


def _totals(path: Path) -> dict[str, Decimal]:
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for row in csv.DictReader(path.read_text().splitlines()):
        totals[row["region"]] += Decimal(row["quantity"]) * Decimal(row["unit_price"])
    return totals


def _data(name: str) -> str:
    return (resources.files("jobctl") / "data" / "demo" / name).read_text()
