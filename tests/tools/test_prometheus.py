"""The rules in deploy/, as Prometheus reads them; and a Prometheus that scrapes a running worker."""

from __future__ import annotations

import json
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.commands.test_deploy import free_port
from tests.project import Project
from tests.support import eventually

FOLDER = Path(__file__).parents[2] / "deploy"


@pytest.mark.tools("promtool")
@pytest.mark.parametrize("what", [("rules", "prometheus-rules.yaml"), ("config", "prometheus.yml")])
def test_promtool_finds_no_fault(what: tuple[str, str]) -> None:
    kind, file = what
    done = subprocess.run(["promtool", "check", kind, FOLDER / file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def prometheus(project: Project) -> Iterator[tuple[int, int]]:
    """A Prometheus with the rules, which scrapes a port of this machine; its own port, and that one."""
    own, scraped = free_port(), free_port()
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(FOLDER / "prometheus-rules.yaml")]
    config["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{scraped}"]}]
    project.write("prometheus.yml", yaml.safe_dump(config))
    command = [
        "prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data",
        f"--web.listen-address=127.0.0.1:{own}",
    ]  # fmt: skip
    with (project.folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=project.folder, stdout=log, stderr=log)
    yield own, scraped
    process.terminate()
    process.wait(30)


def ask(port: int, expression: str) -> list[dict[str, Any]]:
    query = urllib.parse.urlencode({"query": expression})
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?{query}", timeout=30) as answer:
            return list(json.load(answer)["data"]["result"])
    except OSError:
        return []


@pytest.mark.tools("prometheus")
def test_a_real_prometheus_scrapes_a_running_worker_and_a_rule_fires(
    project: Project, prometheus: tuple[int, int]
) -> None:
    own, scraped = prometheus
    project.start("worker", "--processes=1", "--threads=2", "--http", f"127.0.0.1:{scraped}").ready()
    [job] = project.naps(1, 0)
    project.all_are("completed", [job])
    project.all_are("dead", project.client.enqueue_many("fail", [{}] * 5))
    eventually(lambda: ask(own, "up == 1") and ask(own, "jobctl_up == 1"))
    eventually(lambda: ask(own, 'jobctl_jobs_total{outcome="completed",type="nap"} == 1'))
    eventually(lambda: ask(own, 'jobctl_queue_jobs{state="dead"} == 5'))
    eventually(lambda: ask(own, "histogram_quantile(0.95, jobctl_job_run_seconds_bucket) >= 0"))
    assert not ask(own, 'ALERTS{alertname="JobctlDying"}'), "it takes more than ten in ten minutes"
    project.all_are("dead", project.client.enqueue_many("fail", [{}] * 20))
    eventually(lambda: ask(own, 'ALERTS{alertname="JobctlDying",alertstate="firing",type="fail"}'))
    rules = yaml.safe_load((FOLDER / "prometheus-rules.yaml").read_text())
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        with urllib.request.urlopen(
            f"http://127.0.0.1:{own}/api/v1/query?{urllib.parse.urlencode({'query': rule['expr']})}", timeout=30
        ) as answer:
            assert json.load(answer)["status"] == "success", rule["alert"]
