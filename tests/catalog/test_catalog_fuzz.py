"""Whatever text is given as a catalog, it loads or is a CatalogError with places inside the text."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from jobctl.catalog.load import CatalogError, load_text
from jobctl.catalog.schema import json_schema


def _words(schema: Any) -> set[str]:
    """Every key that the catalog's schema names."""
    if isinstance(schema, list):
        return {word for item in schema for word in _words(item)}
    if not isinstance(schema, dict):
        return set()
    own = set(schema.get("properties", {}))
    return own.union(*(_words(member) for member in schema.values()))


KEYS = (
    st.sampled_from(sorted(_words(json_schema())))
    | st.sampled_from(["a", "send", "<<", "unique"])
    | st.text(max_size=3)
)
SCALARS = (
    st.sampled_from(
        ["1m", "m:f", "{{ a }}", "{{", "a", "5/s", "1KiB", "* * * * *", "UTC", "https://h/{{ a }}", "string"]
    )
    | st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.dates()
    | st.text(max_size=5)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=30,
)
JOBS = st.dictionaries(st.sampled_from("abc"), st.dictionaries(KEYS, VALUES, max_size=6), max_size=3)


def _loads_or_is_explained(text: str) -> None:
    try:
        load_text(text)
    except CatalogError as error:
        assert error.problems
        for problem in error.problems:
            assert 1 <= problem.line <= len(text.splitlines()) + 2
            assert problem.column >= 1
            assert "\n" not in str(problem)


@given(st.text() | st.text(alphabet="a:-[]{}&*!|>'\"%@?#~<, \n\t1"))
def test_any_text(text: str) -> None:
    _loads_or_is_explained(text)


@given(VALUES)
def test_any_yaml(value: Any) -> None:
    _loads_or_is_explained(yaml.safe_dump(value, allow_unicode=True))


@given(JOBS, st.dictionaries(KEYS, VALUES, max_size=4))
def test_any_jobs_and_settings(jobs: Any, settings: Any) -> None:
    _loads_or_is_explained(yaml.safe_dump({**settings, "version": 1, "jobs": jobs}, allow_unicode=True))
