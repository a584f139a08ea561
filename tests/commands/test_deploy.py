"""`jobctl deploy`: the files that it writes are valid, fit the catalog, and their commands run."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from jobctl.ops.deploy import slug
from tests.project import Project
from tests.support import Cli, eventually
from tests.test_docs import parse

VERSIONS = ("1.31", "1.34")
"""Of Kubernetes, whose schemas the manifests are held against."""
CATALOG = """\
version: 1
namespace: Big_Shop.eu
jobs:
  hook: {http: {url: "https://example.com/", headers: {Authorization: {env: HOOKS_TOKEN}}}}
alerts: {a: {when: dead > 0, command: {args: [x], env: {PAGER: {env: PAGER_KEY}}}}}
"""
TOKEN_PROBE = re.compile(r"127\.0\.0\.1:(\d+)/livez")


@pytest.fixture
def shop(cli: Cli) -> Cli:
    (cli.cwd / "jobs.yaml").write_text(CATALOG)
    return cli


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text()))


def test_compose_has_everything_that_it_names(shop: Cli) -> None:
    ran = shop("deploy", "compose")
    assert ran.code == 0
    assert "the catalog reads HOOKS_TOKEN, PAGER_KEY from the environment" in ran.err
    folder = shop.cwd / "deploy"
    written = {Path(line).name for line in ran.lines()[1:]}
    assert written == {path.name for path in folder.iterdir()}
    [compose] = documents(folder / "compose.yaml")
    services = compose["services"]
    assert services.keys() == {"valkey", "worker", "scheduler", "metrics", "web", "prometheus", "grafana"}
    assert (compose["name"], services["worker"]["image"]) == ("big-shop-eu", "big-shop-eu:latest")
    assert [services[name]["deploy"]["replicas"] for name in ("worker", "scheduler")] == [2, 2]
    assert services["worker"]["build"] == {"context": "..", "dockerfile": "deploy/Dockerfile"}
    mounted = [volume.split(":")[0] for one in services.values() for volume in one.get("volumes", ())]
    assert {name.removeprefix("./") for name in mounted if name.startswith("./")} <= written
    assert {name for name in mounted if not name.startswith("./")} == compose["volumes"].keys()
    assert not [one for one in services.values() if any(not p.startswith("127.0.0.1:") for p in one.get("ports", ()))]
    for name in ("worker", "scheduler", "metrics", "web"):
        parse(shlex.join(services[name]["command"]), complete=True)
        assert services[name]["depends_on"] == {"valkey": {"condition": "service_healthy"}}
    assert int(services["worker"]["stop_grace_period"].removesuffix("s")) >= 25 + 5


def test_a_compose_file_elsewhere_builds_from_the_catalogs_folder(shop: Cli) -> None:
    assert shop("deploy", "compose", "--dir", "a/b c", "--name", "x", "--image", "reg/shop:1").code == 0
    [compose] = documents(shop.cwd / "a" / "b c" / "compose.yaml")
    assert compose["services"]["worker"]["build"] == {"context": "../..", "dockerfile": "a/b c/Dockerfile"}
    assert (compose["name"], compose["services"]["worker"]["image"]) == ("x", "reg/shop:1")


def test_the_image_is_not_root_and_passes_signals_on(shop: Cli) -> None:
    assert shop("deploy", "compose", "-o", "name").out.splitlines()[0] == "deploy/Dockerfile"
    recipe = (shop.cwd / "deploy" / "Dockerfile").read_text()
    assert re.search(r"^USER 10001$", recipe, re.MULTILINE)
    assert 'ENTRYPOINT ["tini", "--", "jobctl"]' in recipe
    assert "JOBCTL_CATALOG=/app/jobs.yaml" in recipe


@pytest.mark.parametrize("version", VERSIONS)
def test_manifests_fit_the_schemas_of_kubernetes(shop: Cli, version: str) -> None:
    ran = shop("deploy", "k8s", "--dir", "k8s", "--image", "registry.example.com/shop:1.4")
    assert ran.code == 0
    found = documents(shop.cwd / "k8s" / "kubernetes.yaml")
    for one in found:
        kubernetes_validate.validate(one, version, strict=True)
    assert [(one["kind"], one["metadata"]["name"]) for one in found] == [
        ("Deployment", "big-shop-eu-worker"), ("PodDisruptionBudget", "big-shop-eu-worker"),
        ("Deployment", "big-shop-eu-scheduler"), ("Deployment", "big-shop-eu-metrics"),
        ("Service", "big-shop-eu-metrics"),
    ]  # fmt: skip
    for one in found:
        if one["kind"] == "Deployment":
            pod = one["spec"]["template"]["spec"]
            [container] = pod["containers"]
            parse(shlex.join(container["args"]), complete=True)
            assert container["image"] == "registry.example.com/shop:1.4"
            assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
            assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
            assert pod["securityContext"]["runAsNonRoot"] is True
            assert one["spec"]["selector"]["matchLabels"] == one["spec"]["template"]["metadata"]["labels"]
    assert found[0]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] >= 25 + 5


def test_keda_scales_the_workers_by_a_metric_that_there_is(shop: Cli) -> None:
    shop("deploy", "k8s")
    [scaled] = documents(shop.cwd / "deploy" / "keda.yaml")
    [workers, *_] = documents(shop.cwd / "deploy" / "kubernetes.yaml")
    assert (scaled["apiVersion"], scaled["kind"]) == ("keda.sh/v1alpha1", "ScaledObject")
    assert scaled["spec"]["scaleTargetRef"] == {"name": workers["metadata"]["name"]}
    assert scaled["spec"]["minReplicaCount"] == workers["spec"]["replicas"]
    [trigger] = scaled["spec"]["triggers"]
    page = (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text()
    assert all(f"`{name}`" in page for name in re.findall(r"jobctl_\w+", trigger["metadata"]["query"]))


def test_units_have_this_machines_places(shop: Cli) -> None:
    env = {"JOBCTL_REDIS_URL": "redis://:secret@redis.example.com:6379/1"}
    ran = shop("deploy", "systemd", "--dir", "units", env=env)
    assert ran.code == 0
    for name in ("worker", "scheduler"):
        text = (shop.cwd / "units" / f"jobctl-{name}.service").read_text()
        assert f"WorkingDirectory={shop.cwd}\n" in text
        assert f"Environment=JOBCTL_CATALOG={shop.cwd}/jobs.yaml\n" in text
        assert "Environment=JOBCTL_REDIS_URL=redis://redis.example.com:6379/1\n" in text
        assert "secret" not in text
        [program] = re.findall(r"^ExecStart=(\S+/jobctl) ", text, re.MULTILINE)
        assert os.access(program, os.X_OK)


def test_a_per_cent_sign_in_a_path_is_no_specifier_of_systemd(shop: Cli) -> None:
    odd = shop.cwd / "100%h"
    odd.mkdir()
    (odd / "jobs.yaml").write_text(CATALOG)
    assert shop("deploy", "systemd", "--catalog", "100%h/jobs.yaml", "--dir", "units").code == 0
    text = (shop.cwd / "units" / "jobctl-worker.service").read_text()
    assert f"WorkingDirectory={shop.cwd}/100%%h\n" in text


def test_nothing_is_overwritten_unless_that_is_said(shop: Cli) -> None:
    assert shop("deploy", "k8s").code == 0
    mine = shop.cwd / "deploy" / "kubernetes.yaml"
    mine.write_text("mine")
    ran = shop("deploy", "k8s")
    assert (ran.code, ran.out) == (5, "")
    assert "deploy/kubernetes.yaml" in ran.err
    assert mine.read_text() == "mine"
    assert shop("deploy", "k8s", "--force", "-o", "json").json()[0] == {"path": "deploy/Dockerfile"}
    assert mine.read_text() != "mine"


def test_bad_input(cli: Cli) -> None:
    assert cli("deploy", "k8s").code == 2, "no catalog"
    (cli.cwd / "jobs.yaml").write_text(CATALOG)
    (cli.cwd / "file").write_text("")
    ran = cli("deploy", "k8s", "--dir", "file/x")
    assert (ran.code, "cannot write" in ran.err, "Traceback" in ran.err) == (1, True, False)
    odd = cli.cwd / "a b"
    odd.mkdir()
    (odd / "jobs.yaml").write_text(CATALOG)
    ran = cli("deploy", "systemd", "--catalog", "a b/jobs.yaml")
    assert (ran.code, "cannot stand in a unit" in ran.err) == (1, True)


@pytest.mark.parametrize(
    ("name", "made"), [("shop", "shop"), ("Big_Shop.eu", "big-shop-eu"), ("7up", "jobs-7up"), ("x" * 99, "x" * 40)]
)
def test_names_are_made_such_as_kubernetes_allows(name: str, made: str) -> None:
    assert slug(name) == made


def get(port: int, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_the_commands_of_the_compose_file_run_jobs_answer_their_probes_and_drain(project: Project) -> None:
    assert project.cli("deploy", "compose").code == 0
    [compose] = documents(project.folder / "deploy" / "compose.yaml")
    started, ports = {}, {}
    for name in ("worker", "scheduler", "metrics"):
        service = compose["services"][name]
        ports[name] = free_port()
        command = [f"127.0.0.1:{ports[name]}" if part == ":9150" else part for part in service["command"]]
        assert TOKEN_PROBE.search(json.dumps(service["healthcheck"]))[1] == "9150"  # type: ignore[index]
        environment = {key: value for key, value in service["environment"].items() if key.startswith("JOBCTL_")}
        given = {"JOBCTL_CATALOG": str(project.folder / "jobs.yaml"), "JOBCTL_REDIS_URL": project.url}
        assert environment.keys() == given.keys()
        started[name] = project.start(*command, command=project.cli.command(*command), **given)
    for name in started:
        eventually(lambda name=name: get(ports[name], "/readyz") == 200, what=name)  # type: ignore[misc]
        assert get(ports[name], "/livez") == 200
        assert get(ports[name], "/metrics") == 200
    project.all_are("completed", project.naps(3, 0))
    for name, process in started.items():
        process.signal(signal.SIGTERM)
        assert process.ended() in ((0,) if name != "metrics" else (0, -signal.SIGTERM)), name
