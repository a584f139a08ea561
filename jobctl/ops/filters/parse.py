"""Reads filters into trees.

    filter  = all { "OR" all }          all = group { "AND" group }
    group   = one { one }               one = "NOT" one | "(" filter ")" | term

Terms of a group that have the same key are alternatives; everything else in it must hold together.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

from jobctl.errors import UsageError
from jobctl.ops.filters import keys
from jobctl.ops.filters.errors import FilterError
from jobctl.ops.filters.keys import KEYS, ORDER
from jobctl.ops.filters.lex import Token, tokens
from jobctl.ops.filters.tree import Node, Not, Or, Term, joined, quoted, written_key

MAX_DEPTH = 50
MAX_TERMS = 1_000
_ONCE = ("since", "until")


def parse(words: Iterable[str]) -> tuple[Node | None, str]:
    """The tree of a filter that is given as arguments, None for an empty one, and its text. Raises FilterError."""
    found, text = tokens(words)
    return _Parser(found, text).read(), text


class _Parser:
    """Reads tokens, one after the other."""

    def __init__(self, found: list[Token], text: str) -> None:
        self._tokens = found
        self._text = text
        self._at = 0
        self._depth = 0

    def read(self) -> Node | None:
        if not self._tokens:
            return None
        if sum(token.kind == "term" for token in self._tokens) > MAX_TERMS:
            self._fail(self._tokens[-1], f"a filter has more than {MAX_TERMS:,} terms", "")
        node = self._any()
        if (left := self._peek()) is not None:
            self._fail(left, f"{left.text} closes nothing", "put a value that has parentheses in quotes")
        return node

    def _any(self) -> Node:
        parts = [self._all()]
        while self._takes("OR"):
            parts.append(self._all())
        return Or(tuple(parts)) if len(parts) > 1 else parts[0]

    def _all(self) -> Node:
        groups = [self._group()]
        while self._takes("AND"):
            groups.append(self._group())
        node = joined(*groups)
        assert node is not None
        return node

    def _group(self) -> Node:
        alike: dict[str, list[Term]] = {}
        parts: list[Node | str] = []
        while (token := self._peek()) is not None and token.kind != "close" and token.text not in ("AND", "OR"):
            node = self._one()
            if token.kind != "term" or not _is_alternative(node):
                parts.append(node)
                continue
            assert isinstance(node, Term)
            if node.key in _ONCE and node.key in alike:
                self._fail(token, f"{node.key}: can be given once", "")
            if node.key not in alike:
                parts.append(node.key)
            alike.setdefault(node.key, []).append(node)
        if not parts:
            self._missing()
        whole = joined(*(_either(alike[part]) if isinstance(part, str) else part for part in parts))
        assert whole is not None
        return whole

    def _one(self) -> Node:
        token = self._tokens[self._at]
        self._at += 1
        self._depth += 1
        try:
            if self._depth > MAX_DEPTH:
                self._fail(token, "the filter is nested too deeply", "")
            match token.kind:
                case "open":
                    return self._inside(token)
                case "operator":
                    return self._negated(token)
                case "term":
                    return self._term(token)
            self._bare(token)
        finally:
            self._depth -= 1

    def _inside(self, token: Token) -> Node:
        node = self._any()
        if (close := self._peek()) is None or close.kind != "close":
            self._fail(token, "the parenthesis is not closed", "")
        self._at += 1
        return node

    def _negated(self, token: Token) -> Node:
        after = self._peek()
        if after is None or after.kind == "close" or after.text in ("AND", "OR"):
            self._fail(token, f"{token.text} needs a condition after it", "")
        return Not(self._one())

    def _term(self, token: Token) -> Term:
        term = Term(token.key, token.sign, token.value, token.start, token.end)
        kind = term.kind
        if kind not in KEYS or term.key == "args" or (kind == "args") != ("." in term.key) or not term.path:
            self._fail(token, f"no such filter: {token.key}{token.sign}", keys.near(kind.partition(".")[0]), key=True)
        usual = KEYS[kind].signs[0]
        if term.sign not in KEYS[kind].signs:
            other = f"{written_key(term.key)}{usual}{quoted(term.value[:50])}"
            self._fail(token, f"{token.key} does not take {token.sign}", f"write {other}")
        if not term.value and (kind, term.sign) != ("args", "="):
            self._fail(token, f"{token.key}{token.sign} needs a value", "")
        try:
            keys.check(kind, term.sign, term.value)
        except (UsageError, ValueError) as error:
            hint = error.hint if isinstance(error, UsageError) else ""
            self._fail(token, error.message if isinstance(error, UsageError) else str(error), hint, value=True)
        return term

    def _bare(self, token: Token) -> NoReturn:
        before = self._tokens[self._at - 2] if self._at > 1 else None
        if token.text.upper() in ("AND", "OR", "NOT"):
            self._fail(token, f"{token.text!r} is not a filter", f"write {token.text.upper()} in capitals")
        if before is not None and before.kind == "term":
            whole = f"{before.key}{before.sign}" + quoted(f"{before.value} {token.text}")
            self._fail(token, f"{token.text[:100]!r} is not a filter", f"a value with spaces goes in quotes: {whole}")
        self._fail(token, f"{token.text[:100]!r} is not a filter", f"write {keys.SPELLINGS}")

    def _missing(self) -> NoReturn:
        before = self._tokens[self._at - 1] if self._at else None
        after = self._peek()
        if before is not None:
            self._fail(before, f"{before.text} needs a condition after it", "")
        assert after is not None
        self._fail(after, f"{after.text} needs a condition before it", "")

    def _peek(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _takes(self, operator: str) -> bool:
        token = self._peek()
        if token is None or token.kind != "operator" or token.text != operator:
            return False
        self._at += 1
        return True

    def _fail(self, token: Token, message: str, hint: str, *, key: bool = False, value: bool = False) -> NoReturn:
        start = token.at if value else token.start
        end = token.at if key else token.end
        raise FilterError(message, hint, self._text, min(start, max(token.end - 1, token.start)), end)


def _is_alternative(node: Node) -> bool:
    """Whether other values of the same key are alternatives: not for ranges, which narrow each other."""
    return (
        isinstance(node, Term)
        and node.sign not in ORDER
        and not (node.sign == ":" and ".." in node.value and (KEYS[node.kind].number is not None))
    )


def _either(found: list[Term]) -> Node:
    return Or(tuple(found)) if len(found) > 1 else found[0]
