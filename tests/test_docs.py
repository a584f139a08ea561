"""The documents hold what the program does: commands, options, keys, exit codes, snippets and links."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from typer._click import exceptions as click

import jobctl
from jobctl import errors, profiles
from jobctl.catalog import readers, table
from jobctl.catalog.load import load, load_text
from jobctl.catalog.shapes import Object
from jobctl.catalog.units import parse_duration
from jobctl.cli.main import SUMMARY
from jobctl.cli.parse.tree import LazyGroup, build
from jobctl.cli.registry import COMMANDS, Entry, Group
from jobctl.client import Client
from jobctl.context import Current
from jobctl.store.data.records import Job

ROOT = Path(__file__).resolve().parent.parent
DOCS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
ALL_UNITS = sorted((ROOT / "deploy").glob("*.service"))
UNITS = [unit for unit in ALL_UNITS if "Type=oneshot" not in unit.read_text()]
README = DOCS[0].read_text()
CATALOG_PAGE = (ROOT / "docs" / "catalog.md").read_text()

TREE = {
    path: entry
    for top in COMMANDS
    for path, entry in (
        [(top.name, top)] if isinstance(top, Entry) else [(f"{top.name} {entry.name}", entry) for entry in top.commands]
    )
}
GROUPS = {top.name for top in COMMANDS if isinstance(top, Group)}
DEFAULTS = {top.name: top.default for top in COMMANDS if isinstance(top, Group) and top.default}
STOPS = {"&&", "||", "|", ">", ";", "#"}
BLOCK = re.compile(r"^( *)```([^\n]*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)


def blocks(language: str, text: str) -> list[str]:
    """The fenced blocks of a language, without their indent."""
    found = ((indent, body) for indent, kind, body in BLOCK.findall(text) if kind == language)
    return [re.sub(rf"^{indent}", "", body, flags=re.MULTILINE) for indent, body in found]


def typed(text: str) -> list[str]:
    """What is typed at a prompt in a document: these lines are complete commands."""
    lines = [line[2:] for block in blocks("console", text) for line in block.splitlines() if line.startswith("$ ")]
    return [part for line in lines for part in commands_in(line)]


def mentioned(text: str) -> list[str]:
    """Commands in running text and tables, which may be without their arguments."""
    prose = BLOCK.sub("", text)
    indented = [line.strip() for line in prose.splitlines() if line.startswith("    ")]
    spans = [span.replace("\n", " ") for span in re.findall(r"`([^`]+)`", prose)]
    return [part for line in [*indented, *spans] for part in commands_in(line)]


def commands_in(line: str) -> list[str]:
    """The `jobctl …` commands of a shell line, each without what comes before and after it."""
    if "jobctl " not in line or re.search(r"jobctl (\{|COMMAND|…)", line):
        return []
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;><()")
    lexer.whitespace_split = True
    found: list[list[str]] = []
    inside = False
    for token in lexer:
        if token == "jobctl":
            found.append([])
            inside = True
        elif token in STOPS or token[0] in "|&;><(":
            inside = False
        elif inside:
            found[-1].append(token)
    return [shlex.join(words) for words in found if words]


def parse(command: str, *, complete: bool) -> None:
    """Raise what the command line would, short of running anything. Arguments may be missing if not `complete`."""
    words = shlex.split(command)
    if words[0] in GROUPS and len(words) == 1:
        return
    if words[0].startswith("-"):
        assert words[0] in ("--help", "--version"), f"options come after the command: {command}"
        return
    if words[0] in DEFAULTS and words[1].startswith("-"):
        words.insert(1, DEFAULTS[words[0]])
    path = " ".join(words[:2]) if words[0] in GROUPS else words[0]
    assert path in TREE, f"no command: {command}"
    rest = [word for word in words[len(path.split()) :] if word not in ("…", "--help")]
    try:
        build(TREE[path], group=words[0] if words[0] in GROUPS else "").make_context(path, rest)
    except click.MissingParameter:
        if complete:
            raise


def cases(pick: Any) -> list[Any]:
    found = {(doc, command) for doc in DOCS for command in pick(doc.read_text())}
    return [pytest.param(command, id=f"{doc.name}: {command}") for doc, command in sorted(found)]


@pytest.mark.parametrize("command", cases(typed))
def test_what_is_typed_in_a_document_parses(command: str) -> None:
    parse(command, complete=True)


@pytest.mark.parametrize("command", cases(mentioned))
def test_a_command_that_is_mentioned_exists_with_its_options(command: str) -> None:
    parse(command, complete=False)


@pytest.mark.parametrize("command", ["enqeue x", "enqueue x --nonsense", "dead groupz", "-o json queue ls"])
def test_a_wrong_command_would_be_noticed(command: str) -> None:
    with pytest.raises((AssertionError, Exception), match=r"no command|[Nn]o such option|options come after"):
        parse(command, complete=False)


@pytest.mark.parametrize("path", TREE)
def test_every_command_has_a_row_in_the_readme(path: str) -> None:
    assert re.search(rf"^\| `jobctl {path}` \| \w", README, re.MULTILINE)


@pytest.mark.parametrize("path", ["", *sorted(GROUPS), *TREE])
def test_the_help_of_every_command_has_an_example_that_parses(path: str) -> None:
    shown = LazyGroup("jobctl", COMMANDS, SUMMARY)
    context = shown.make_context("jobctl", [], resilient_parsing=True)
    for word in path.split():
        shown = shown.get_command(context, word)
    [example] = re.findall(r"^ *Example: (jobctl .*(?:\n +\S.*)*)", shown.get_help(context), re.MULTILINE)
    for command in commands_in(" ".join(example.split())):
        assert command.startswith(path)
        parse(command, complete=True)


@pytest.mark.parametrize("variable", re.findall(r"\bJOBCTL_[A-Z_]+", README))
def test_every_variable_of_the_readme_is_read_somewhere(variable: str) -> None:
    sources = (path.read_text() for path in (ROOT / "jobctl").rglob("*.py"))
    assert any(f'"{variable}"' in source for source in sources)


def test_the_exit_codes_of_the_readme_are_those_of_the_errors() -> None:
    rows = tables(README)["CI and cron"]
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.JobctlError)]
    assert sorted(map(int, rows)) == sorted({0, 130, *(kind.exit_code for kind in kinds)})


# catalogs


@pytest.mark.parametrize("text", [text for doc in DOCS for text in blocks("yaml", doc.read_text())])
def test_a_catalog_in_a_document_is_valid(text: str) -> None:
    assert load_text(text, "document").jobs


def test_the_profiles_in_the_readme_are_valid(tmp_path: Path) -> None:
    [text] = blocks("yaml profiles", README)
    profiles.file_in(tmp_path).write_text(text)
    assert profiles.load(tmp_path).keys() == {"staging", "live", "live-look"}


def test_the_profile_keys_and_flags_of_the_readme_are_those_that_exist() -> None:
    told = " ".join(line for line in README.splitlines() if line.startswith("|"))
    for key in profiles.Profile.__slots__:
        assert key == "name" or f"`{key}`" in told, key


def test_the_example_is_valid() -> None:
    assert load(ROOT / "jobs.yaml.example").jobs


def test_the_broken_catalog_of_the_readme_is_told_as_it_is() -> None:
    """Only words: the catalog that the output came from is not in the document."""
    told = re.findall(r"^bad\.yaml:\d+:\d+: (.*)$", README, re.MULTILINE)
    broken = """\
version: 1
jobs:
  send:
    pyhton: tasks:greet
    timeout: 5 minutes
    payload: {properties: {to: {type: string}}, additionalProperties: false}
    label: "{{ too }}"
    rate_limit: 5 a second
schedules:
  x: {job: sendd, cron: "61 * * * *", timezone: Europe/Berln}
"""
    with pytest.raises(errors.UsageError) as caught:
        load_text(broken, "bad.yaml")
    problems = [str(problem) for problem in caught.value.problems]  # type: ignore[attr-defined]
    assert told
    assert [text for text in told if not any(text in problem for problem in problems)] == []


# docs/catalog.md


def tables(text: str) -> dict[str, dict[str, list[str]]]:
    """The tables of a page: heading → first cell, without its backticks → the other cells."""
    found: dict[str, dict[str, list[str]]] = {}
    heading = ""
    for line in text.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        elif line.startswith("| ---"):
            found[heading].popitem()  # what stood above the line was the head of the table
        elif line.startswith("| "):
            cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
            found.setdefault(heading, {})[cells[0].strip("`")] = cells[1:]
    return found


SECTIONS: Mapping[str, Any] = {
    "Top level": table.CATALOG,
    "`defaults`": table.DEFAULTS,
    "`queues.NAME`": table.QUEUE,
    "`jobs.NAME`": table.JOB,
    "`command`": table.JOB.fields["command"].reader.mapping,
    "`http`": table.JOB.fields["http"].reader,
    "External values": readers.EXTERNAL,
    "Retries": table.RETRIES,
    "Rate limits": table.RATE_LIMIT.mapping,
    "Concurrency": table.CONCURRENCY.mapping,
    "Unique jobs": table.UNIQUE,
    "`schedules.NAME`": table.SCHEDULE,
    "Hooks": table.HOOK.mapping,
    "`alerts.NAME`": table.ALERT,
    "`worker`": table.WORKER,
    "`worker.middleware`": table.MIDDLEWARE.mapping,
}


@pytest.mark.parametrize("section", SECTIONS)
def test_the_page_lists_every_key_of_the_catalog_and_no_other(section: str) -> None:
    shape: Object = SECTIONS[section]
    rows = tables(CATALOG_PAGE)[section]
    assert {key for key in rows if "." not in key} == set(shape.fields)
    assert {key for key in rows if rows[key][0] == "*later*"} == {k for k, f in shape.fields.items() if f.later}
    assert {key for key in rows if rows[key][1] == "required"} == {k for k, f in shape.fields.items() if f.required}


def test_the_page_has_a_section_for_every_shape_that_works() -> None:
    shown = {id(shape) for shape in SECTIONS.values()} | {id(table.KEEP), id(table.DATE_FILE)}
    assert {id(shape) for shape in objects(table.CATALOG)} <= shown
    assert {f"keep.{key}" for key in table.KEEP.fields} <= tables(CATALOG_PAGE)["`defaults`"].keys()


def objects(shape: Any) -> Iterator[Object]:
    """Every mapping with keys of its own below a shape, what comes later left out."""
    if isinstance(shape, Object):
        yield shape
        for field in shape.fields.values():
            if not field.later:
                yield from objects(field.reader)
    else:
        for name in ("mapping", "scalar", "list", "item", "value", "key"):
            if (inner := getattr(shape, name, None)) is not None:
                yield from objects(inner)


def test_the_defaults_on_the_page_are_the_programs() -> None:
    page = tables(CATALOG_PAGE)

    def told(section: str) -> dict[str, Any]:
        rows = page[section].items()
        return {key: yaml.safe_load(cells[1].strip("`")) for key, cells in rows if cells[1].startswith("`")}

    defaults = told("`defaults`")
    keep = {key.removeprefix("keep."): defaults.pop(key) for key in list(defaults) if key.startswith("keep.")}
    top = {key: value for key, value in told("Top level").items() if "." not in key}
    top["defaults"] = {**defaults, "keep": keep, "retries": told("Retries")}
    jobs = {"a": {"python": "m:f"}, "b": {"http": {"url": "http://h/"}}}
    bare = load_text(yaml.safe_dump({"version": 1, "jobs": jobs}), "x")
    jobs["b"]["http"] |= told("`http`")  # type: ignore[operator]
    full = load_text(yaml.safe_dump({"version": 1, "jobs": jobs, **top}), "x")
    assert msgspec.structs.replace(full, positions={}) == msgspec.structs.replace(bare, positions={})
    assert len(top["defaults"]["retries"]) == 5


# snippets, links, units


@pytest.mark.parametrize("code", [code for doc in DOCS for code in blocks("python", doc.read_text())])
def test_a_python_snippet_imports_and_calls_what_exists(code: str) -> None:
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Import(names=names):
                assert all(importlib.import_module(alias.name) for alias in names)
            case ast.ImportFrom(module=str(module), names=names):
                assert all(hasattr(importlib.import_module(module), alias.name) for alias in names)
            case ast.Attribute(value=ast.Name(id="jobctl"), attr=name):
                assert hasattr(jobctl, name)
            case ast.Attribute(value=ast.Name(id="job"), attr=name):
                assert hasattr(Job, name) or hasattr(Current, name)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="client"), attr=name), args=args, keywords=given):
                signature = inspect.signature(getattr(Client, name))
                signature.bind("client", *args, **{word.arg: None for word in given if word.arg})


LINKS = [(doc, link) for doc in DOCS for link in re.findall(r"\]\(([^)\s]+)\)", doc.read_text())]


@pytest.mark.parametrize(
    ("doc", "link"), [(d, t) for d, t in LINKS if "://" not in t], ids=lambda v: getattr(v, "name", v)
)
def test_a_link_leads_to_a_file_and_a_heading_that_exist(doc: Path, link: str) -> None:
    file, _, anchor = link.partition("#")
    target = doc.parent / file if file else doc
    assert target.exists()
    if anchor:
        headings = re.findall(r"^#+ (.*)$", BLOCK.sub("", target.read_text()), re.MULTILINE)
        assert anchor in {re.sub(r"[^\w\- ]", "", text).lower().replace(" ", "-") for text in headings}


@pytest.mark.parametrize("unit", ALL_UNITS, ids=lambda path: path.name)
def test_a_unit_starts_a_command_that_exists(unit: Path) -> None:
    [line] = re.findall(r"^ExecStart=\S+/jobctl (.*)$", unit.read_text(), re.MULTILINE)
    parse(line, complete=True)


def test_the_lines_for_cron_run_commands_that_exist() -> None:
    lines = re.findall(
        r"&& jobctl (.+?)(?: \|\| .*)?$", (ROOT / "deploy" / "crontab.example").read_text(), re.MULTILINE
    )
    assert len(lines) == 3
    for line in lines:
        parse(line, complete=True)


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_gives_its_command_time_to_stop(unit: Path) -> None:
    text = unit.read_text()
    [line] = re.findall(r"^ExecStart=\S+/jobctl (.*)$", text, re.MULTILINE)
    grace = re.search(r"--grace (\S+)", line)
    [stop] = re.findall(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)
    assert int(stop) * 1000 >= (parse_duration(grace[1]) if grace else 0) + 5_000


def test_there_are_units_for_what_runs_for_long() -> None:
    assert [unit.stem for unit in UNITS] == ["jobctl-scheduler", "jobctl-worker"]


def test_every_path_of_the_map_for_contributors_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    places = [ROOT, *(folder for folder in (ROOT / "jobctl", *(ROOT / "jobctl").rglob("*")) if folder.is_dir())]
    named = set(re.findall(r"`((?:[a-z_]+/)*[a-z_]+(?:\.(?:py|lua)|/))`", text))
    assert len(named) > 40
    assert not [name for name in sorted(named) if not any((place / name).exists() for place in places)]
