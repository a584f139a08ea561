"""docs/redis.md names every key and every script, and each script says what it promises."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import pytest

from jobctl.store.wire.keys import NAMESPACE_KEYS, Keys
from jobctl.store.wire.script import load

DOCS = (Path(__file__).parents[2] / "docs" / "redis.md").read_text(encoding="utf-8")
KEY_ROWS = {m[1]: m[2] for m in re.finditer(r"^\| `(\w+)` \| `(NS:[^`]+)` \|", DOCS, re.MULTILINE)}
SCRIPT_ROWS = {m[1] for m in re.finditer(r"^\| `(\w+)` \| [^`]", DOCS, re.MULTILINE)} | {
    m[1] for m in re.finditer(r"^\| `(intake_\w+)` \| `", DOCS, re.MULTILINE)
}
FOLDER = resources.files("jobctl.store") / "scripts"
SCRIPTS = sorted(f.name.removesuffix(".lua") for f in FOLDER.iterdir() if f.name[0] != "_")
FRAGMENTS = sorted(f.name.removesuffix(".lua") for f in FOLDER.iterdir() if f.name[0] == "_")
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
def test_every_script_is_given_the_keys_that_it_uses_and_no_others(name: str) -> None:
    script, reached = load(name), reachable(name)
    given = {*script.keys, *script.keys_each}
    assert given <= {*KEYS}
    body = "\n".join(reached)
    assigned = {key for left in re.findall(r"^ *((?:k\.\w+,? )+)= K\.", body, re.MULTILINE) for key in keys_in(left)}
    of_queue = {*script.keys_each} | assigned if script.keys_each else given
    assert set(re.findall(r"\bK\.(\w+)", body)) <= {*script.keys}
    assert {key for part in reached for key in keys_in(part)} <= of_queue
    assert given <= {key for part in reached for key in keys_in(part)} | set(re.findall(r"\bK\.(\w+)", body))


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_includes_the_functions_that_it_calls_and_nothing_idle(name: str) -> None:
    called = {function for part in reachable(name) for function in calls(part)}
    included = {"_common", *includes(name)}
    for fragment in FRAGMENTS:
        defined = called & {*functions(fragment)}
        assert not defined or fragment in included, f"{sorted(defined)} are defined in {fragment}"
        assert defined or fragment not in included - {"_common"}, f"{fragment} is not used"


def source(name: str) -> str:
    """A script or fragment without its comments."""
    return re.sub(r"--.*", "", (FOLDER / f"{name}.lua").read_text(encoding="utf-8"))


def includes(name: str) -> list[str]:
    found = re.search(r"^-- INCLUDE: (.*)$", (FOLDER / f"{name}.lua").read_text(encoding="utf-8"), re.MULTILINE)
    return found[1].split() if found else []


def functions(name: str) -> dict[str, str]:
    """The top-level functions of a script or fragment, by name."""
    text = source(name)
    found = {m[1]: m[0] for m in re.finditer(r"^local function (\w+)\(.*?^end", text, re.MULTILINE | re.DOTALL)}
    return found | {m[1]: m[0] for m in re.finditer(r"^local function (\w+)\(.* end *$", text, re.MULTILINE)}


def reachable(name: str) -> list[str]:
    """What of a script may run: its own lines, and the functions that are called in what may run."""
    known = {n: text for fragment in ("_common", *includes(name), name) for n, text in functions(fragment).items()}
    own = source(name)
    for text in functions(name).values():
        own = own.replace(text, "")
    parts, left, seen = [], [own], set()
    while left:
        parts.append(left.pop())
        # Functions that a fragment keeps in a table are called by way of it.
        tables = [m[1] for m in re.finditer(r"\b([A-Z]{2,})\[", parts[-1])]
        named = {n for fragment in includes(name) for t in tables for n in _table(fragment, t)}
        names = ((calls(parts[-1]) | named) & known.keys()) - seen
        seen |= names
        left += [known[n] for n in names]
    return parts


def calls(text: str) -> set[str]:
    return set(re.findall(r"(?<![.\w])(\w+)\(", text))


def _table(fragment: str, name: str) -> list[str]:
    found = re.search(rf"^local {name} = {{(.*)}}$", source(fragment), re.MULTILINE)
    return re.findall(r"= (\w+)", found[1]) if found else []


def keys_in(text: str) -> set[str]:
    """The keys that a piece of Lua takes from `k`, also those that it names in a text to index it with."""
    found = set(re.findall(r"\bk\.(\w+)", text))
    return found | ({*KEYS} & set(re.findall(r"'(\w+)'", text)) if re.search(r"\bk\[", text) else set())


def test_the_document_names_nothing_that_is_not_there() -> None:
    assert {*KEYS} >= KEY_ROWS.keys()
    assert {*SCRIPTS} >= SCRIPT_ROWS
