"""Templates render over a payload, in a sandbox, with the same rules everywhere."""

from __future__ import annotations

import keyword
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobctl.catalog.templates import (
    MAX_OUTPUT,
    TemplateProblem,
    compile_text,
    compile_value,
    context,
    is_template,
    keys_read,
    undeclared_names,
)

PAYLOAD: dict[str, Any] = {
    "name": "Ada",
    "count": 3,
    "items": [1, {"a": None}],
    "ok": True,
    "value": "v",
    "none": None,
}
NAMES = context(PAYLOAD, job_id="j1", job_type="greet", attempt=2, label="hello")


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain { text }", "plain { text }"),
        ("{{ name }}!", "Ada!"),
        ("{{ count }}", "3"),
        ("{{ ok }} {{ none }}", "true null"),
        ("{{ payload.items }}", '[1,{"a":null}]'),
        ("{{ items[0] }}", "1"),
        ("{{ job.id }} {{ job.type }} {{ job.attempt }} {{ job.label }}", "j1 greet 2 hello"),
        ("{{ name | upper }}\n", "ADA\n"),
        ("{% for item in items %}{{ loop.index }}{% endfor %}", "12"),
        ("{{ missing | default('x') }}", "x"),
        ("<{{ '<&>' }}>", "<<&>>"),
        ("{{ value | tojson }}", '"v"'),
    ],
)
def test_text_is_rendered_with_json_for_what_is_not_text(template: str, text: str) -> None:
    assert compile_text(template)(NAMES) == text


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{ payload }}", PAYLOAD),
        ("{{count}}", 3),
        ("{{ count + 1 }}", 4),
        ("{{ ok }}", True),
        ("{{ value }}", "v"),
        (" {{ count }}", " 3"),
        ({"a": ["{{ count }}", "n={{ count }}", 5, None]}, {"a": [3, "n=3", 5, None]}),
    ],
)
def test_a_lone_expression_keeps_its_type(template: Any, value: Any) -> None:
    assert compile_value(template)(NAMES) == value


@pytest.mark.parametrize(
    "template",
    [
        "{{ missing }}",
        "{{ payload.missing }}",
        "{{ payload.keys }}",
        "{{ name.upper() }}",
        "{{ range(9) }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ payload.__class__ }}",
        "{{ cycler }}",
        "{% include 'x' %}",
        "{% import 'os' as os %}",
        "{{ name",
        "{% if name %}",
        "{{ name | nofilter }}",
        "{{ 1 / 0 }}",
        "{{ name + 1 }}",
        "{{ 'a' * 10 ** 9 }}",
        "{{ 9 ** 999 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ items | map('string') }}",
        "{{ items | map(attribute='nope') | list }}",
        "{{ [missing] }}",
        "{{ value | replace('v', ('x' * 1000000) ~ ('y' * 1000000)) }}",
        "{{ name if count == 4 }}",
        "{{" + "(" * 5000 + "1" + ")" * 5000 + "}}",
    ],
)
@pytest.mark.parametrize("compiler", [compile_text, compile_value])
def test_what_cannot_be_rendered_is_one_template_problem(compiler: Any, template: str) -> None:
    with pytest.raises(TemplateProblem, match="the template") as caught:
        compiler(template)(NAMES)
    assert "\n" not in str(caught.value)


def test_payload_text_is_never_a_template() -> None:
    names = context({"name": "{{ job.id }}"}, job_id="j1", job_type="t")
    assert compile_value("{{ name }}")(names) == "{{ job.id }}"
    assert compile_text("-{{ name }}-")(names) == "-{{ job.id }}-"


def test_output_is_bounded() -> None:
    names = context({"big": "x" * 100_000, "many": list(range(20))}, job_id="j", job_type="t")
    with pytest.raises(TemplateProblem, match=str(MAX_OUTPUT)):
        compile_text("{% for _ in many %}{{ big }}{% endfor %}")(names)


def test_job_and_payload_win_over_payload_keys_of_the_same_name() -> None:
    names = context({"job": 1, "payload": 2}, job_id="j1", job_type="t")
    assert compile_text("{{ job.id }} {{ payload.payload }}")(names) == "j1 2"


def test_rendering_does_not_change_the_payload() -> None:
    payload = {"items": [1]}
    with pytest.raises(TemplateProblem):
        compile_text("{{ items.append(2) }}")(context(payload, job_id="j", job_type="t"))
    assert payload == {"items": [1]}


def test_names_that_a_template_needs() -> None:
    assert undeclared_names("{{ a }}{% for i in b %}{{ i }}{{ loop.index }}{% endfor %} {{ range }}") == {
        "a",
        "b",
        "range",
    }
    assert undeclared_names("a b") == frozenset()
    assert keys_read("{{ payload.a }}{{ payload['b-c'] }}{{ payload[d] }}{{ e.f }}", "payload") == {
        "a",
        "b-c",
    }


@given(st.text(alphabet="{}%#ab.()[]|'\"*-+ \n01") | st.text())
def test_any_text_renders_or_is_a_template_problem(text: str) -> None:
    for compiler in (compile_text, compile_value):
        try:
            rendered = compiler(text)(NAMES)
        except TemplateProblem:
            assert is_template(text)
        else:
            assert is_template(text) or rendered == text


@pytest.mark.parametrize(
    "template",
    ["{{ a }}", "x {{a}} y {{  b  }}", "{{ a }}{{ b }}", "{{ a }}\n", "{{ true }}", "{ {{ a }} }", "{{ a }}{# c #}"],
)
@pytest.mark.parametrize("value", ["text", "{{ b }}", 7, True, 1.5, None, {"k": [1]}])
def test_bare_names_are_filled_in_as_jinja_does(template: str, value: object) -> None:
    names = {"a": value, "b": "B"}
    through_jinja = compile_text("{% if true %}" + template + "{% endif %}")(names)

    assert compile_text(template)(names).rstrip("\n") == through_jinja.rstrip("\n")


@pytest.mark.parametrize("word", [*keyword.kwlist, "true", "false", "none", "self", "loop", "range", "endif", "block"])
def test_a_word_of_some_language_is_a_name_where_jinja_reads_one(word: str) -> None:
    def outcome(template: str) -> str:
        try:
            return compile_text(template)({word.lower(): "text"})
        except TemplateProblem:
            return "a problem"

    bare = f"{{{{ {word.lower()} }}}}"
    assert outcome(bare) == outcome("{% if true %}" + bare + "{% endif %}")
