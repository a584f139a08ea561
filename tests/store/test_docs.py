"""docs/redis.md names every key and every script, and each script says what it promises."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import pytest

from jobctl.store.wire.keys import Keys
from jobctl.store.wire.kinds import KIND
from jobctl.store.wire.one_each import NAMESPACE_KEYS
from jobctl.store.wire.script import late_parts, load, parts

DOCS = (Path(__file__).parents[2] / "docs" / "redis.md").read_text(encoding="utf-8")
KEY_ROWS = {m[1]: m[2] for m in re.finditer(r"^\| `(\w+)` \| `(NS:[^`]+)` \|", DOCS, re.MULTILINE)}
SCRIPT_ROWS = {m[1] for m in re.finditer(r"^\| `(\w+)` \| [^`]", DOCS, re.MULTILINE)} | {
    m[1] for m in re.finditer(r"^\| `(intake_\w+)` \| `", DOCS, re.MULTILINE)
}
FOLDER = resources.files("jobctl.store") / "scripts"
SCRIPTS = sorted(f.name.removesuffix(".lua") for f in FOLDER.iterdir() if f.name[0] != "_")
FRAGMENTS = sorted(f.name.removesuffix(".lua") for f in FOLDER.iterdir() if f.name[0] == "_")
FILES = [*SCRIPTS, *FRAGMENTS]
KEYS = sorted(
    name for name, value in vars(Keys).items() if callable(value) and not name.startswith("_") and name[:3] != "of_"
)
ARGUMENTS = {
    "group": ("Q", "GROUP"),
    "unique": ("Q", "NAME"),
    "indexed": ("Q", "NAME"),
    "logs": ("Q", "ID"),
    "stock_acks": ("WORKER", "Q"),
    "operation": ("ID",),
    "history": ("NAME",),
    "open_ticks_of": ("NAME",),
    "queued_ticks_of": ("NAME",),
}


def built(name: str) -> str:
    none = name in NAMESPACE_KEYS or name in ("scanned", "stock_heartbeats")
    return str(getattr(Keys("NS"), name)(*(ARGUMENTS.get(name) or (() if none else ("Q",)))))


@pytest.mark.parametrize("name", KEYS)
def test_every_key_is_described_as_it_is_built(name: str) -> None:
    assert KEY_ROWS[name] == built(name)


@pytest.mark.parametrize("name", sorted(KIND))
def test_the_kind_of_a_key_is_that_of_its_row(name: str) -> None:
    [row] = re.findall(rf"^\| `{name}` \| `NS:[^`]+` \| ([a-z ]+) \|", DOCS, re.MULTILINE)
    assert row == {"zset": "sorted set"}.get(KIND[name], KIND[name])


def test_every_key_that_is_one_a_queue_or_one_for_the_namespace_has_a_kind() -> None:
    several = {*ARGUMENTS} - {"stock_acks"} | {"each_running", "finished", "control", "once", "ticks", "stock_acks"}
    assert {*KEYS} - several == {*KIND}


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_has_its_row(name: str) -> None:
    assert name in SCRIPT_ROWS


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_says_what_it_takes_returns_and_costs(name: str) -> None:
    source = (FOLDER / f"{name}.lua").read_text(encoding="utf-8")
    header = source[: re.search(r"^(?!--)", source, re.MULTILINE).start()]  # type: ignore[union-attr]
    for field in ("ARGV:", "Returns:", "Cost:"):
        assert f"\n-- {field} " in header, field


@pytest.mark.parametrize("name", FILES)
def test_every_file_names_the_keys_that_it_uses_and_no_others(name: str) -> None:
    assert header(name, "KEYS") | header(name, "KEYS-EACH") == keys_in(source(name))


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_given_the_keys_of_its_files(name: str) -> None:
    script = load(name)
    files = (*parts(name), *late_parts(parts(name)))
    named = {key for part in files for key in header(part, "KEYS") | header(part, "KEYS-EACH")}
    assert {*script.keys, *script.keys_each, *script.keys_late} == named <= {*KEYS}
    assert len(script.keys) + len(script.keys_each) + len(script.keys_late) == len(named)
    if script.keys_each:
        assert {*script.keys} <= NAMESPACE_KEYS


@pytest.mark.parametrize("name", FILES)
def test_every_file_includes_what_it_calls_and_nothing_idle(name: str) -> None:
    needed = {fragment for fragment in FRAGMENTS if fragment != name and defined(fragment) & words(source(name))}
    assert header(name, "INCLUDE") == needed - {"_common"}
    late = {*re.findall(r"\blate\(\)\.(\w+)", source(name))}
    assert header(name, "INCLUDE-LATE") == {fragment for fragment in FRAGMENTS if defined(fragment) & late}
    assert late <= {given for fragment in header(name, "INCLUDE-LATE") for given in defined(fragment)}


def test_every_function_of_a_fragment_is_used() -> None:
    for fragment in FRAGMENTS:
        for function in defined(fragment):
            uses = sum(len(re.findall(rf"\b{function}\b", source(name))) for name in FILES)
            assert uses > 1, f"{function} of {fragment} is not used"


def header(name: str, field: str) -> set[str]:
    found = re.search(rf"^-- {field}: (.*)$", (FOLDER / f"{name}.lua").read_text(encoding="utf-8"), re.MULTILINE)
    return set(found[1].split()) if found else set()


def source(name: str) -> str:
    """A script or fragment without its comments."""
    return re.sub(r"--.*", "", (FOLDER / f"{name}.lua").read_text(encoding="utf-8"))


def defined(name: str) -> set[str]:
    """What a fragment gives to those that include it: functions, and values whose names are in capitals."""
    text = source(name)
    return {*re.findall(r"^local function (\w+)", text, re.MULTILINE)} | {
        *re.findall(r"^local ([A-Z_]{2,})", text, re.MULTILINE)
    }


def words(text: str) -> set[str]:
    """The functions that a piece of Lua calls, and the names in capitals that it uses."""
    return {*re.findall(r"(?<![.\w])\w+(?=\()", text)} | {*re.findall(r"(?<![.\w])[A-Z_]{2,}\b", text)}


def keys_in(text: str) -> set[str]:
    """The keys that a piece of Lua takes from `k` or `K`, also those that it names in a table to index it with."""
    tables = "".join(re.findall(r"^local [A-Z]+ = \{.*?\}$", text, re.MULTILINE | re.DOTALL))
    named = re.findall(r"'(\w+)'", re.sub(r"state = '\w+'", "", tables))
    return {*re.findall(r"\b[kK]\.(\w+)", text)} | ({*KEYS} & {*named})


def test_the_document_names_nothing_that_is_not_there() -> None:
    assert {*KEYS} >= KEY_ROWS.keys()
    assert {*SCRIPTS} >= SCRIPT_ROWS
