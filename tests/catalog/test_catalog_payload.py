"""Payloads are checked, measured and coerced at the edge."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobctl.catalog.kinds.python import PythonSpec
from jobctl.catalog.load import load_text
from jobctl.catalog.model import JobType
from jobctl.catalog.payload import check_size, coerce, job_type, validator
from jobctl.errors import UsageError

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["to"],
    "properties": {
        "to": {"type": "string", "format": "email"},
        "count": {"type": "integer", "minimum": 1},
        "ratio": {"type": "number"},
        "urgent": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "maybe": {"type": ["integer", "null"]},
        "loose": {"type": ["string", "integer"]},
        "level": {"enum": [1, 2, "low"]},
        "ref": {"$ref": "#/$defs/number"},
        "free": {},
    },
    "$defs": {"number": {"type": "integer"}},
    "additionalProperties": False,
}
SEND = JobType("send-email", PythonSpec("m:f"), payload_schema=SCHEMA)
FREE = JobType("free", PythonSpec("m:f"))


def refusal(payload: Any, job: JobType = SEND) -> str:
    with pytest.raises(UsageError) as caught:
        validator(job).fit(payload)
    return str(caught.value)


def test_a_payload_that_fits_is_accepted() -> None:
    validator(SEND).fit({"to": "a@example.com", "count": 1})


def test_all_that_does_not_fit_is_said_in_one_line() -> None:
    text = refusal({"to": 5, "count": 0, "tags": ["a", 1], "cuont": 1})
    assert "\n" not in text
    assert text.startswith("the payload does not fit `send-email`: ")
    for part in (
        "to: expected string, found 5",
        "count: 0 is less than the minimum of 1",
        "tags[1]: expected string",
    ):
        assert part in text
    assert "unknown `cuont`" in text


def test_formats_are_checked() -> None:
    assert 'to: expected the format email, found "nobody"' in refusal({"to": "nobody"})


def test_what_is_missing_is_named() -> None:
    assert "`to` is missing" in refusal({})


def test_a_long_value_is_not_repeated_in_full() -> None:
    assert len(refusal({"to": "x" * 10_000})) < 300


def test_many_problems_are_cut() -> None:
    assert refusal({"to": "a@example.com", "tags": list(range(1000))}).endswith("and more")


@pytest.mark.parametrize("payload", [[], "text", 5, None])
def test_a_type_without_a_schema_takes_any_object_and_only_objects(payload: Any) -> None:
    validator(FREE).check({"anything": [1]})
    assert "expected object" in refusal(payload, FREE)


def test_what_is_not_json_is_a_usage_error() -> None:
    assert "is not JSON" in refusal({1: "a"}, FREE)


def test_the_size_limit_is_inclusive() -> None:
    check_size(262_144, 262_144)
    with pytest.raises(UsageError, match="262145 bytes, the limit is 262144"):
        check_size(262_145, 262_144)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("to", "5", "5"),
        ("count", "5", 5),
        ("count", "-12", -12),
        ("ratio", "5", 5),
        ("ratio", "2.5e1", 25.0),
        ("urgent", "true", True),
        ("urgent", "false", False),
        ("maybe", "null", None),
        ("maybe", "7", 7),
        ("loose", "7", 7),
        ("loose", "x", "x"),
        ("level", "2", 2),
        ("level", "low", "low"),
        ("ref", "3", 3),
        ("free", "5", "5"),
        ("unknown", "5", "5"),
    ],
)
def test_text_is_coerced_to_the_type_of_the_schema(key: str, text: str, value: Any) -> None:
    coerced = coerce(SEND, key, text)
    assert (coerced, type(coerced)) == (value, type(value))


@pytest.mark.parametrize(
    ("key", "text"),
    [("count", "five"), ("count", "1.5"), ("count", "٣"), ("ratio", "nan"), ("urgent", "yes"), ("maybe", "")],
)
def test_text_of_another_type_is_refused(key: str, text: str) -> None:
    with pytest.raises(UsageError, match=rf"expected .* for `{key}`, found"):
        coerce(SEND, key, text)


def test_a_list_must_be_written_as_json() -> None:
    with pytest.raises(UsageError, match="write it as JSON: tags:="):
        coerce(SEND, "tags", "a,b")


def test_a_key_that_only_additional_properties_describe_is_coerced() -> None:
    job = JobType("a", PythonSpec("m:f"), payload_schema={"additionalProperties": {"type": "integer"}})
    assert coerce(job, "n", "5") == 5


@given(st.text())
def test_any_text_is_coerced_or_refused(text: str) -> None:
    for key in ("count", "ratio", "urgent", "maybe", "level"):
        try:
            coerce(SEND, key, text)
        except UsageError as error:
            assert len(error.message) < 200


def test_an_unknown_job_type_is_told_the_nearest() -> None:
    catalog = load_text("version: 1\njobs: {send-email: {python: 'm:f'}, report: {python: 'm:f'}}")
    assert job_type(catalog, "report").name == "report"
    with pytest.raises(UsageError, match=r"unknown job type `sned-email`.*did you mean `send-email`"):
        job_type(catalog, "sned-email")
    with pytest.raises(UsageError, match="the catalog has report, send-email"):
        job_type(catalog, "zzz")


NESTED = {
    "properties": {
        "a": {"default": 1},
        "b": {"properties": {"c": {"$ref": "#/$defs/c"}, "d": {"default": [1]}}},
        "items": {"items": {"properties": {"n": {"default": 0}}}},
        "none": {"default": None},
    },
    "allOf": [{"properties": {"e": {"default": "x"}}}],
    "anyOf": [{"properties": {"f": {"default": 1}}}, {}],
    "required": ["a"],
    "$defs": {"c": {"type": "string", "default": "deep"}},
}


def test_defaults_are_filled_in_at_every_level_that_is_there() -> None:
    fit = validator(JobType("t", PythonSpec("m:f"), payload_schema=NESTED)).fit
    assert fit({}) == {"a": 1, "none": None, "e": "x"}
    assert fit({"b": {}, "items": [{}, {"n": 5}], "a": 2, "e": 3}) == {
        "b": {"c": "deep", "d": [1]}, "items": [{"n": 0}, {"n": 5}], "a": 2, "e": 3, "none": None,
    }  # fmt: skip
    given_whole = {"a": 2, "e": 3, "none": 1}
    assert fit(given_whole) is given_whole
    first = fit({"b": {}})
    first["b"]["d"].append(2)
    assert fit({"b": {}})["b"]["d"] == [1]


def test_a_default_that_does_not_fit_is_refused_as_if_it_had_been_given() -> None:
    job = JobType("t", PythonSpec("m:f"), payload_schema={"properties": {"a": {"type": "integer", "default": "x"}}})
    assert "a: expected integer" in refusal({}, job)


def test_a_schema_that_refers_to_itself_ends_with_the_payload() -> None:
    schema = {"properties": {"next": {"$ref": "#"}, "n": {"default": 0}}}
    fit = validator(JobType("t", PythonSpec("m:f"), payload_schema=schema)).fit
    assert fit({"next": {"next": {}}}) == {"n": 0, "next": {"n": 0, "next": {"n": 0}}}
    endless = {"properties": {"a": {"$ref": "#/properties/a"}}}
    assert validator(JobType("t", PythonSpec("m:f"), payload_schema=endless)) is not None
