"""YAML is read within limits, and what is not YAML is placed."""

from __future__ import annotations

import pytest

from jobctl.catalog.load import load_text
from jobctl.catalog.problems import CatalogError
from jobctl.catalog.source import MAX_BYTES, MAX_DEPTH, parse


def problem(text: str) -> str:
    with pytest.raises(CatalogError) as caught:
        load_text(text)
    assert len(caught.value.problems) == 1
    return str(caught.value.problems[0])


def bomb(levels: int) -> str:
    """Each level holds ten aliases of the one before."""
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [", "jobs.yaml:2:1: not YAML: "),
        ("a: b\n c: d", "jobs.yaml:2:3: not YAML: "),
        ("a:\n\tb: 1", "jobs.yaml:2:1: not YAML: "),
        ("a: *x", "jobs.yaml:1:4: unknown alias `*x`"),
        ("a: &a [*a]", "jobs.yaml:1:8: unknown alias `*a`"),
        ("version: 1\n---\nversion: 1", "jobs.yaml:2:1: expected one YAML document, found more"),
        ("a: b\x01c", "jobs.yaml:1:5: not YAML: U+0001 is not allowed"),
        ("a:\n- \ud800", "jobs.yaml:2:3: not YAML: U+D800 is not allowed"),
        ("x" * (MAX_BYTES + 1), "jobs.yaml:1:1: the catalog is larger than 1024 KiB"),
        ("é" * (MAX_BYTES // 2 + 1), "jobs.yaml:1:1: the catalog is larger than 1024 KiB"),
    ],
)
def test_what_is_not_one_yaml_document_is_placed(text: str, expected: str) -> None:
    assert problem(text).startswith(expected)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_deep_nesting_is_refused(opening: str) -> None:
    assert f"nested more than {MAX_DEPTH} levels deep" in problem(opening * 200)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_nesting_that_would_crash_the_composer_is_refused_by_us_or_by_the_parser(opening: str) -> None:
    assert problem(opening * 100_000).startswith("jobs.yaml:1:")


def test_an_alias_bomb_is_refused_while_it_is_still_small() -> None:
    assert "once its aliases are expanded" in problem(bomb(9))


def test_modest_aliases_are_read() -> None:
    assert parse(bomb(3), "jobs.yaml").size == 1 + 3 + 11 + 111 + 1111


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        *[(text, "bool") for text in ("true", "False", "TRUE")],
        *[(text, "str") for text in ("yes", "no", "on", "off", "y", "1:30", "2026-11-22", "1_000", "0b1", "'1'")],
        *[(text, "int") for text in ("1", "-1", "0x1F", "0o17")],
        *[(text, "float") for text in ("1.5", "1e3", ".5", ".inf", "-.INF", ".nan")],
        *[(text, "null") for text in ("~", "null", "")],
        ("!!str 1", "str"),
        ("!!int '1'", "int"),
        ("!foo 1", "!foo"),
    ],
)
def test_scalars_are_typed_by_the_core_schema(text: str, type_: str) -> None:
    ((_, value),) = parse(f"a: {text}", "jobs.yaml").entries
    assert value.type == type_


def test_the_python_parser_gives_the_same_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    import yaml

    text = "a: &x [1, 'b', {c: ~}]\n<<: {d: *x}\ne: |\n  text\n"
    with_c = parse(text, "jobs.yaml")
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert parse(text, "jobs.yaml") == with_c
