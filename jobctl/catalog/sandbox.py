"""The Jinja2 environment behind `templates.py`. Imported late: Jinja2 costs start-up time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, Undefined, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment

MAX_REPEAT = 1_048_576
"""The longest text or list that `*` may make. Numbers are kept small by `_too_large`."""

_LOADS = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
_GROWS_BY_ARGUMENT = ("batch", "center", "format", "indent", "slice")
_UNREPEATABLE = ("random",)


def to_json(value: Any, indent: int | None = None) -> str:
    """A value as JSON text; compact unless `indent` is given."""
    separators = None if indent else (",", ":")
    return json.dumps(value, ensure_ascii=False, indent=indent and min(indent, 8), separators=separators)


def plain(value: Any) -> Any:
    """The value itself if JSON can hold it.

    Raises UndefinedError for a missing name and TypeError for a generator, a method or anything else.
    """
    if isinstance(value, Undefined):
        value._fail_with_undefined_error()
    if value is None or isinstance(value, (str, bool, int, float, Mapping, list, tuple)):
        return value
    shape = type(value).__name__
    raise TypeError(f"the expression gives a {shape}, not a JSON value" + (" (add `| list`)" if _lazy(value) else ""))


def _lazy(value: Any) -> bool:
    return isinstance(value, Iterator)


def _finalize(value: Any) -> str:
    """What is inserted into text: strings and numbers as they are, everything else as JSON."""
    value = plain(value)
    if value is None or isinstance(value, (bool, Mapping, list, tuple)):
        return to_json(value)
    return str(value)


class Environment(ImmutableSandboxedEnvironment):
    """Jinja2 with no globals, no loading, no calls but macros and `loop`, and keys before attributes."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self, finalize: Callable[[Any], str] | None = None) -> None:
        insert = _finalize if finalize is None else lambda value: finalize(plain(value))
        super().__init__(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True, finalize=insert)
        self.globals.clear()
        for name in _GROWS_BY_ARGUMENT + _UNREPEATABLE:
            del self.filters[name]
        self.filters["tojson"] = to_json

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`order.items` is the key `items`, never the method of dict."""
        if isinstance(obj, Mapping):
            return self.getitem(obj, attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Mapping):
            try:
                return obj[argument]
            except (KeyError, TypeError):
                return self.undefined(hint=f"there is no key {argument!r}")
        return super().getitem(obj, argument)

    def is_safe_callable(self, obj: Any) -> bool:
        return isinstance(getattr(obj, "__self__", obj), (Macro, LoopContext))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Refuse what makes a huge value out of a short template."""
        if operator == "%" and isinstance(left, str):
            raise SecurityError("text cannot be formatted with `%`; use `~`")
        if operator in ("*", "**") and _too_large(operator, left, right):
            raise SecurityError(f"`{operator}` would make too large a value")
        return super().call_binop(context, operator, left, right)


def _too_large(operator: str, left: Any, right: Any) -> bool:
    numbers = isinstance(left, (int, float)) and isinstance(right, (int, float))
    if numbers:
        return bool(abs(left) > 2**64 or abs(right) > (64 if operator == "**" else 2**64))
    sequence, times = (right, left) if isinstance(left, int) else (left, right)
    if isinstance(sequence, (str, list, tuple)) and isinstance(times, int):
        return len(sequence) * times > MAX_REPEAT
    return False


def refuse_unsafe(tree: nodes.Template) -> None:
    """Raise TemplateSyntaxError for what can never be rendered: loading other templates, calling methods."""
    for load in tree.find_all(_LOADS):
        raise TemplateSyntaxError("a template cannot load another template", load.lineno)
    for call in tree.find_all(nodes.Call):
        target = call.node
        of_loop = isinstance(target, nodes.Getattr) and target.node == nodes.Name("loop", "load")
        if not (of_loop or isinstance(target, nodes.Name)):
            raise TemplateSyntaxError("a template cannot call methods; use a filter (`x | upper`)", call.lineno)


def lone_expression(tree: nodes.Template) -> nodes.Expr | None:
    """The expression of a template that is `{{ expression }}` and nothing else."""
    match tree.body:
        case [nodes.Output(nodes=[expression])] if not isinstance(expression, nodes.TemplateData):
            return expression
    return None


def compile_expression(
    environment: Environment, expression: nodes.Expr, most: int
) -> Callable[[Mapping[str, Any]], Any]:
    """A function from names to the expression's value, its type kept; no text in it has more than `most` characters."""
    assign = nodes.Assign(nodes.Name("value", "store", lineno=1), expression, lineno=1)
    template = environment.from_string(nodes.Template([assign], lineno=1))

    def evaluate(names: Mapping[str, Any]) -> Any:
        context = template.new_context(dict(names))
        for _ in template.root_render_func(context):
            pass
        return _whole(context.vars["value"], most)

    return evaluate


def _whole(value: Any, most: int) -> Any:
    """A JSON value, everything inside it looked at: a list may hold undefined names."""
    value = plain(value)
    if isinstance(value, Mapping):
        return {str(key): _whole(member, most) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_whole(item, most) for item in value]
    if isinstance(value, str) and len(value) > most:
        raise ValueError(f"more than {most} characters")
    return str(value) if isinstance(value, str) else value


def roots(tree: nodes.Template, name: str) -> set[str]:
    """The keys that a template reads from `name` by a constant: `name.key` and `name["key"]`."""
    keys: set[str] = set()
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        if isinstance(node, nodes.Getattr) and node.node == nodes.Name(name, "load"):
            keys.add(node.attr)
        elif isinstance(node, nodes.Getitem) and node.node == nodes.Name(name, "load"):
            match node.arg:
                case nodes.Const(value=str(key)):
                    keys.add(key)
    return keys
