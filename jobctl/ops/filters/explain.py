"""How a filter was read, in words, and what serves it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from jobctl import clock
from jobctl.ops.filters import keys
from jobctl.ops.filters.filter import Filter
from jobctl.ops.filters.tree import And, Node, Not, Or, Term, conjuncts
from jobctl.ops.when import parse_past


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """`--explain`: the filter as it was read, what each part that must hold asks for, and where jobs are looked for.

    `reads` counts the jobs that are read for it; None where they are found by their ids, or none is read.
    """

    filter: str
    asks: tuple[str, ...]
    served_by: tuple[str, ...]
    reads: int | None


_NOUNS = {
    "queue": "the queue",
    "job": "the job type",
    "state": "the state",
    "label": "the label",
    "host": "the host of the last attempt",
    "id": "the id",
    "attempts": "the number of attempts",
    "took": "the time of the last attempt, in seconds,",
}
_ORDERS = {">": "above", ">=": "at least", "<": "below", "<=": "at most"}


def asks(wanted: Filter) -> tuple[str, ...]:
    """What the parts of a filter that must hold together ask for."""
    return tuple(_said(part) for part in conjuncts(wanted.node))


def _said(node: Node) -> str:
    match node:
        case Not(of):
            return f"not: {_said(of)}"
        case And(parts):
            return " and ".join(f"({_said(part)})" if isinstance(part, Or) else _said(part) for part in parts)
        case Or(parts):
            return ", or ".join(f"({_said(part)})" if isinstance(part, And) else _said(part) for part in parts)
        case Term():
            return _term(node)


def _term(term: Term) -> str:
    kind, value = term.kind, term.value
    if kind in ("since", "until"):
        when = clock.iso(parse_past(value))
        return f"since {when}" if kind == "since" else f"before {when}"
    if kind == "group":
        return f"the error group begins with {value}"
    noun = "the error or its message" if kind == "error" else _NOUNS.get(kind) or f"the payload's {term.path}"
    wanted = keys.span(kind, term.sign, value)
    if wanted is not None:
        if term.sign in _ORDERS:
            return f"{noun} is {_ORDERS[term.sign]} {value}"
        low, high = wanted.low, wanted.high
        if low == high:
            return f"{noun} is {value}"
        bounds = [f"at least {low}"] * (low is not None) + [f"at most {high}"] * (high is not None)
        return f"{noun} is {' and '.join(bounds)}"
    if term.sign == "~":
        slashes = len(value) > 2 and value[0] == value[-1] == "/"
        what = f"the expression {value}" if slashes else f"{value!r}"
        return f"{noun} contains {what}, in any case"
    stars = ", where * is any text" if "*" in value and kind not in ("state", "id") else ""
    return f"{noun} is {value!r}{stars}"


def of_events(wanted: Filter) -> Explained:
    """How `tail` reads a filter."""
    return Explained(
        filter=str(wanted), asks=asks(wanted), served_by=("the stream of events, read backwards",), reads=None
    )


def lines(explained: Explained) -> Iterator[str]:
    """For a person."""
    yield f"read as    {explained.filter or 'everything'}"
    for number, part in enumerate(explained.asks):
        yield f"{'' if number else 'asks for':<11}{part}"
    for number, part in enumerate(explained.served_by):
        yield f"{'' if number else 'served by':<11}{part}"
