"""docs/redis.md names every key and every script, and each script says what it promises."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import pytest

from jobctl.store.keys import NAMESPACE_KEYS, Keys
from jobctl.store.script import load

DOCS = (Path(__file__).parents[2] / "docs" / "redis.md").read_text(encoding="utf-8")
KEY_ROWS = {m[1]: m[2] for m in re.finditer(r"^\| `(\w+)` \| `(NS:[^`]+)` \|", DOCS, re.MULTILINE)}
SCRIPT_ROWS = {m[1] for m in re.finditer(r"^\| `(\w+)` \| [^`]", DOCS, re.MULTILINE)} | {
    m[1] for m in re.finditer(r"^\| `(intake_\w+)` \| `", DOCS, re.MULTILINE)
}
FOLDER = resources.files("jobctl.store") / "scripts"
SCRIPTS = sorted(f.name.removesuffix(".lua") for f in FOLDER.iterdir() if f.name[0] != "_")
KEYS = sorted(
    name for name, value in vars(Keys).items() if callable(value) and not name.startswith("_") and name != "of_limits"
)
ARGUMENTS = {
    "group": ("Q", "GROUP"),
    "unique": ("Q", "NAME"),
    "logs": ("Q", "ID"),
    "alias": ("MESSAGE_ID",),
    "stock_acks": ("WORKER", "Q"),
}


def built(name: str) -> str:
    none = name in NAMESPACE_KEYS or name in ("scanned", "stock_heartbeats")
    return str(getattr(Keys("NS"), name)(*(ARGUMENTS.get(name) or (() if none else ("Q",)))))


@pytest.mark.parametrize("name", KEYS)
def test_every_key_is_described_as_it_is_built(name: str) -> None:
    assert KEY_ROWS[name] == built(name)


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_has_its_row(name: str) -> None:
    assert name in SCRIPT_ROWS


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_says_what_it_takes_returns_and_costs(name: str) -> None:
    source = (FOLDER / f"{name}.lua").read_text(encoding="utf-8")
    header = source[: re.search(r"^(?!--)", source, re.MULTILINE).start()]  # type: ignore[union-attr]
    for field in ("KEYS:", "ARGV:", "Returns:", "Cost:"):
        assert f"\n-- {field} " in header, field


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_is_given_a_key_that_it_does_not_use_or_uses_one_that_it_is_not_given(name: str) -> None:
    script = load(name)
    given = {*script.keys, *script.keys_each}
    assert given <= {*KEYS}
    own = (FOLDER / f"{name}.lua").read_text(encoding="utf-8")
    assert set(re.findall(r"\bK\.(\w+)", own)) <= given


def test_the_document_names_nothing_that_is_not_there() -> None:
    assert {*KEYS} >= KEY_ROWS.keys()
    assert {*SCRIPTS} >= SCRIPT_ROWS
