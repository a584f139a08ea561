"""What actors ask for and no worker gives is told; what `validate --import` says is what a worker does."""

from __future__ import annotations

import json

import redis

from tests.support import Cli

ACTORS = """
import dramatiq
from dramatiq.brokers.stub import StubBroker
from dramatiq.results import Results
from dramatiq.results.backends import StubBackend

results = Results(backend=StubBackend())
elsewhere = StubBroker()

@dramatiq.actor(store_results=True, max_retries=9, time_limit=60_000, throws=ValueError)
def resize(path):
    return path

@dramatiq.actor(max_retries=3, time_limit=300_000, periodic="* * * * *", notify_shutdown=False)
def agreeing():
    pass

@dramatiq.actor(broker=elsewhere)
def foreign():
    pass

class Tracing(dramatiq.Middleware):
    pass

elsewhere.add_middleware(Tracing())
"""
CATALOG = """\
version: 1
namespace: asked
jobs:
  resize: {actor: "shop:resize"}
  agreeing: {actor: "shop:agreeing"}
  foreign: {actor: "shop:foreign"}
"""
IN_VAIN = """\
jobs.yaml:4:19: jobs.resize.actor: options of the actor that have no effect here:
 store_results=True (`worker.middleware` has no Results), max_retries=9 (the catalog's `retries` decides),
 time_limit=60000 (the catalog's `timeout` decides), throws=ValueError (the catalog's `retries` decides)
jobs.yaml:5:21: jobs.agreeing.actor: options of the actor that have no effect here:
 periodic='* * * * *' (no middleware provides it)
jobs.yaml:6:20: jobs.foreign.actor: the actor's StubBroker has middleware that does not run here: shop:Tracing;
 list it under `worker.middleware`
""".replace("\n ", " ").splitlines()


def write(cli: Cli, catalog: str) -> None:
    (cli.cwd / "shop.py").write_text(ACTORS)
    (cli.cwd / "jobs.yaml").write_text(catalog)


def warnings_of_validate(cli: Cli) -> list[str]:
    ran = cli("validate", "--import")
    assert ran.code == 0, ran.err
    *warnings, summary = ran.err.splitlines()
    assert "is valid" in summary
    return [line.removeprefix("warning: ").removeprefix(f"{cli.cwd}/") for line in warnings]


def warnings_of_worker(cli: Cli) -> list[str]:
    ran = cli("worker", "--burst", "--processes=2", "--threads=1", "--log-format=json")
    assert ran.code == 0, ran.err
    lines = [json.loads(line) for line in ran.err.splitlines()]
    return [line["message"].removeprefix(f"{cli.cwd}/") for line in lines if line["level"] == "warning"]


def test_a_worker_and_validate_tell_the_same_once(redis_cli: Cli) -> None:
    write(redis_cli, CATALOG)
    assert warnings_of_validate(redis_cli) == IN_VAIN
    assert warnings_of_worker(redis_cli) == IN_VAIN
    machine = redis_cli("validate", "--import", "-o", "json")
    assert (machine.code, machine.json()) == (0, [])


def test_run_takes_the_actors_that_a_worker_takes(cli: Cli) -> None:
    write(cli, CATALOG)
    ran = cli("run", "resize", "path=a.png", "-o", "json")
    assert (ran.code, ran.json()["result"]) == (0, "a.png"), ran.err


def test_nothing_is_told_of_what_middleware_provides_and_the_catalog_says(redis_cli: Cli) -> None:
    said = "retries: {max: 9, never_on: [ValueError]}, timeout: 1m}"
    catalog = CATALOG.replace('"shop:resize"}', f'"shop:resize", {said}') + "worker: {middleware: ['shop:results']}\n"
    write(
        redis_cli, "\n".join(line for line in catalog.splitlines() if "agreeing" not in line and "foreign" not in line)
    )
    assert warnings_of_validate(redis_cli) == []
    assert warnings_of_worker(redis_cli) == []


def test_both_refuse_middleware_that_does_not_work_with_its_place(redis_cli: Cli, redis_client: redis.Redis) -> None:
    write(redis_cli, CATALOG + "worker: {middleware: ['shop:results', 'shop:resluts']}\n")
    for command in (("validate", "--import"), ("worker", "--burst")):
        ran = redis_cli(*command)
        assert ran.code == 2
        assert "jobs.yaml:7:39: worker.middleware[1]: `shop:resluts` does not import: " in ran.err
        assert "did you mean `results`?" in ran.err
        assert "Traceback" not in ran.err
    assert redis_client.dbsize() == 0
