"""The project's one template engine: Jinja2 in a sandbox, rendered over a job's payload.

A template sees the payload's keys at top level, `payload` (the whole object) and `job` (id, type, attempt,
label); the last two win over payload keys of the same name. A missing name is an error, never empty text.
Inserted into text, a string or number stays as it is; all else becomes JSON (`true`, `null`, `{"a":1}`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from jinja2 import nodes

    from jobctl.catalog.sandbox import Environment

__all__ = [
    "JOB_FIELDS",
    "MAX_OUTPUT",
    "TemplateProblem",
    "canonical",
    "compile_text",
    "compile_value",
    "context",
    "is_template",
    "keys_read",
    "undeclared_names",
]

MAX_OUTPUT = 1_048_576
"""The most characters that one rendered string may have."""

JOB_FIELDS = ("id", "type", "attempt", "label")
"""What `job` holds in a template."""

_T = TypeVar("_T")


class TemplateProblem(ValueError):
    """A template that does not parse, names something that is missing, or fails while it is rendered."""


def is_template(text: str) -> bool:
    """Whether rendering could change the text. Cheap."""
    return "{{" in text or "{%" in text or "{#" in text


def context(
    payload: Mapping[str, Any], *, job_id: str, job_type: str, attempt: int = 0, label: str | None = None
) -> dict[str, Any]:
    """The names that a template sees. `attempt` counts from 1; it is 0 when the job is being enqueued."""
    job = {"id": job_id, "type": job_type, "attempt": attempt, "label": label}
    return {**payload, "payload": payload, "job": job}


def canonical(value: Any) -> str:
    """A `finalize` for text that is compared: as the module's rule, but equal objects give equal text."""
    if isinstance(value, str):
        return value
    import json

    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


@lru_cache(maxsize=1024)
def compile_text(template: str, finalize: Callable[[Any], str] | None = None) -> Callable[[Mapping[str, Any]], str]:
    """A function from a context to the rendered text.

    `finalize` turns the value of every expression into the text that is inserted, in place of the module's
    rule: what quotes values for a URL, say. It may raise TemplateProblem.

    Raises TemplateProblem if the template does not parse; the function raises it if rendering fails or gives
    more than MAX_OUTPUT characters.
    """
    if not is_template(template):
        return lambda _names: template
    pieces = _pieces(template)
    if pieces is None:
        return _guarded(template, _compiled(template, finalize))

    inserted = str if finalize is None or finalize is canonical else finalize  # of what is text or a whole number

    def render(names: Mapping[str, Any]) -> str:
        quick = _joined(pieces, names, inserted)
        return _compiled(template, finalize)(names) if quick is None else quick

    return _guarded(template, render)


@lru_cache(maxsize=1024)
def _compiled(template: str, finalize: Callable[[Any], str] | None) -> Callable[[Mapping[str, Any]], str]:
    """As `compile_text`, by Jinja in any case."""
    with _explained("does not parse", template):
        compiled = _environment(finalize).from_string(_parse(template))

    def render(names: Mapping[str, Any]) -> str:
        chunks: list[str] = []
        size = 0
        for chunk in compiled.root_render_func(compiled.new_context(dict(names))):
            size += len(chunk)
            if size > MAX_OUTPUT:
                raise TemplateProblem(f"more than {MAX_OUTPUT} characters")
            chunks.append(chunk)
        return "".join(chunks)

    return render


_BARE = re.compile(r"\{\{ *([a-z_][a-z0-9_]*) *\}\}", re.ASCII)
_RESERVED = frozenset({"true", "false", "none", "not", "self"})
"""What Jinja does not look up in the context. `{{ and }}`, `{{ in }}` and other keywords are names like any other."""


def _pieces(template: str) -> list[str] | None:
    """Literal text and bare names in turn, for a template of nothing else: what most labels are. None for others.

    Such a template parses, and Jinja is not needed: importing it takes longer than most commands, and making its
    context several times as long as filling in the names.
    """
    pieces = _BARE.split(template)
    literals, bare = pieces[::2], pieces[1::2]
    if template.endswith("\n") or any(is_template(text) for text in literals) or _RESERVED & set(bare):
        return None
    return pieces


def _joined(pieces: list[str], names: Mapping[str, Any], inserted: Callable[[Any], str]) -> str | None:
    """The rendered text, if every name is there and is text or a whole number; None leaves it to Jinja."""
    out = pieces.copy()
    for at in range(1, len(pieces), 2):
        value = names.get(pieces[at])
        if type(value) is not str and type(value) is not int:
            return None
        out[at] = inserted(value)
    text = "".join(out)
    return text if len(text) <= MAX_OUTPUT else None


def compile_value(value: Any) -> Callable[[Mapping[str, Any]], Any]:
    """A function from a context to a JSON value whose strings are rendered, keys as they are.

    A string that is one lone expression (`"{{ payload }}"`) keeps the type of the expression. Raises as
    `compile_text`.
    """
    if isinstance(value, str):
        return _compile_string(value)
    if isinstance(value, Mapping):
        members = {key: compile_value(member) for key, member in value.items()}
        return lambda names: {key: render(names) for key, render in members.items()}
    if isinstance(value, (list, tuple)):
        items = [compile_value(item) for item in value]
        return lambda names: [render(names) for render in items]
    return lambda _names: value


def undeclared_names(template: str) -> frozenset[str]:
    """The names that a template needs from its context. Raises TemplateProblem if it does not parse."""
    if not is_template(template):
        return frozenset()
    from jinja2.meta import find_undeclared_variables

    with _explained("does not parse", template):
        return frozenset(find_undeclared_variables(_parse(template)))


def keys_read(template: str, name: str) -> frozenset[str]:
    """The constant keys that a template reads from one name: `payload.to` and `payload["to"]` read `to`."""
    if not is_template(template):
        return frozenset()
    from jobctl.catalog.sandbox import roots

    with _explained("does not parse", template):
        return frozenset(roots(_parse(template), name))


@lru_cache(maxsize=8)
def _environment(finalize: Callable[[Any], str] | None = None) -> Environment:
    from jobctl.catalog.sandbox import Environment

    return Environment(finalize)


def _parse(template: str) -> nodes.Template:
    from jobctl.catalog.sandbox import refuse_unsafe

    tree = _environment().parse(template)
    refuse_unsafe(tree)
    return tree


@lru_cache(maxsize=1024)
def _compile_string(template: str) -> Callable[[Mapping[str, Any]], Any]:
    if not is_template(template):
        return lambda _names: template
    from jobctl.catalog.sandbox import compile_expression, lone_expression

    with _explained("does not parse", template):
        expression = lone_expression(_parse(template))
        if expression is not None:
            return _guarded(template, compile_expression(_environment(), expression, MAX_OUTPUT))
    return compile_text(template)


def _guarded(template: str, render: Callable[[Mapping[str, Any]], _T]) -> Callable[[Mapping[str, Any]], _T]:
    def guarded(names: Mapping[str, Any]) -> _T:
        try:  # not `_explained`, which takes longer than most templates
            return render(names)
        except Exception as error:
            raise _problem("failed", template, error) from error

    return guarded


@contextmanager
def _explained(what: str, template: str) -> Iterator[None]:
    """Every failure inside as a TemplateProblem that shows the template: a filter may raise anything."""
    try:
        yield
    except Exception as error:
        raise _problem(what, template, error) from error


def _problem(what: str, template: str, error: Exception) -> TemplateProblem:
    shown = repr(template if len(template) <= 80 else template[:77] + "...")
    reason = "nested too deeply" if isinstance(error, RecursionError) else _first_line(error)
    return TemplateProblem(f"the template {shown} {what}: {reason}")


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
