"""The editor's schema says what the loader says, and the shipped example satisfies both."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from jobctl.catalog.imports import check_imports
from jobctl.catalog.load import CatalogError, load, load_text
from jobctl.catalog.report import Report
from jobctl.catalog.schema import json_schema
from jobctl.catalog.source import parse
from jobctl.catalog.values import Json

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "jobs.yaml.example"


def as_editor(text: str) -> Any:
    """YAML 1.2, as editors read it: the key `on` is text, which PyYAML takes for a boolean."""
    return Json().read(parse(text, "jobs.yaml"), (), Report("jobs.yaml"))


@pytest.fixture(scope="module")
def editor() -> Any:
    return jsonschema_rs.validator_for(json_schema(), validate_formats=True)


def test_the_schema_is_json_schema() -> None:
    jsonschema_rs.meta.validate(json_schema())


def test_every_key_is_described() -> None:
    def undescribed(schema: Any, path: str) -> list[str]:
        if isinstance(schema, list):
            return [found for item in schema for found in undescribed(item, path)]
        if not isinstance(schema, dict):
            return []
        own = [
            f"{path}.{key}"
            for key, member in schema.get("properties", {}).items()
            if schema.get("additionalProperties") is False and not member.get("description")
        ]
        return own + [found for key, member in schema.items() for found in undescribed(member, f"{path}.{key}")]

    assert undescribed(json_schema(), "") == []


def test_the_example_loads_and_fits_the_schema(editor: Any) -> None:
    catalog = load(EXAMPLE)
    assert {type(job.handler).__name__ for job in catalog.jobs.values()} == {
        "PythonSpec",
        "CommandSpec",
        "HttpSpec",
    }
    assert [error.message for error in editor.iter_errors(as_editor(EXAMPLE.read_text()))] == []


def test_the_example_imports_the_tasks_that_come_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "jobs.yaml").write_text(EXAMPLE.read_text())
    (tmp_path / "tasks.py").write_text((ROOT / "jobctl" / "data" / "tasks.py.example").read_text())
    monkeypatch.delitem(sys.modules, "tasks", raising=False)
    try:
        assert check_imports(load(tmp_path / "jobs.yaml")) == ()
    finally:
        sys.modules.pop("tasks", None)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "version: 2",
        "version: 1\nnamespce: a",
        "version: 1\nmax_payload: 5",
        "version: 1\njobs: {a: {}}",
        "version: 1\njobs: {a: {python: 'm:f', actor: 'm:f'}}",
        "version: 1\njobs: {a: {python: m.f}}",
        "version: 1\njobs: {a: {python: 'm:f', timeout: soon}}",
        "version: 1\njobs: {a: {python: 'm:f', priority: urgent}}",
        "version: 1\njobs: {a: {python: 'm:f', retries: {max: -1}}}",
        "version: 1\njobs: {a: {python: 'm:f', unique: {for: 1h}}}",
        "version: 1\njobs: {a: {python: 'm:f', unique: {key: a, for: 1h, until: started}}}",
        "version: 1\njobs: {a: {python: 'm:f', unique: {key: a, on_conflict: extend}}}",
        "version: 1\njobs: {a: {python: 'm:f', rate_limit: {rate: 5/s, window: fixed, burst: 2}}}",
        "version: 1\njobs: {a: {python: 'm:f', rate_limit: fast}}",
        "version: 1\nqueues: {a: {concurrency: 0}}",
        "version: 1\njobs: {9a: {python: 'm:f'}}",
        "version: 1\njobs: {a: {command: [ls], isolate: true}}",
        "version: 1\njobs: {a: {python: 'm:f', memory: 512MB}}",
        "version: 1\njobs: {a: {command: ls}}",
        "version: 1\njobs: {a: {http: {method: POST}}}",
        "version: 1\nqueues: {a: {keep: 5}}",
        "version: 1\nschedules: {s: {job: a}}",
        "version: 1\nschedules: {s: {job: a, cron: '* * * * *', every: 1m}}",
        "version: 1\njobs: {a: {python: 'm:f'}}\nschedules: {s: {job: a, every: 1m, timezone: UTC}}",
    ],
)
def test_what_the_schema_refuses_the_loader_refuses_too(editor: Any, text: str) -> None:
    assert not editor.is_valid(as_editor(text))
    with pytest.raises(CatalogError):
        load_text(text)
