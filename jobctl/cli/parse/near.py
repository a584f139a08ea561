"""What someone may have meant by a command or an option that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

from jobctl.cli.registry import COMMANDS, Entry, Group

SIMILAR = 0.72
"""Less alike than this, and a suggestion would only mislead: `retry` is not `worker`."""
SYNONYMS = {
    "list": "ls",
    "get": "show",
    "describe": "show",
    "delete": "rm",
    "remove": "rm",
    "requeue": "retry",
    "unpause": "resume",
    "purge": "empty",
}
"""What other tools call our verbs."""
FILTERS = {"queue": "queue:", "type": "job:", "job": "job:", "state": "state:", "status": "state:", "error": "error~",
           "group": "group:", "label": "label:", "since": "since:", "until": "until:", "id": "id:", "host": "host:",
           "attempts": "attempts:"}  # fmt: skip
"""Options of other tools that are filters here."""


def commands(name: str, entries: Sequence[Entry | Group], path: str) -> list[str]:
    """The commands that may have been meant by `name` after `path`; a verb alone names every noun that has it."""
    known = [entry.name for entry in entries]
    wanted = SYNONYMS.get(name, name)
    if wanted in known:
        return [f"{path} {wanted}"]
    if entries is COMMANDS and (found := _with_verb(wanted)):
        return [f"{path} {command}" for command in found]
    return [f"{path} {close}" for close in _close(name, known)]


def option(name: str, params: Sequence[Any]) -> str:
    """The option of a command, or the filter, that may have been meant by `--name`; empty if there is none."""
    bare = name.lstrip("-")
    known = {text.lstrip("-"): text for param in params for text in param.opts if text.startswith("--")}
    if bare in FILTERS and any("FILTER" in (param.metavar or "") for param in params):
        return f"the filter {FILTERS[bare]}…"
    return next((known[close] for close in _close(bare, known)), "")


def _with_verb(verb: str) -> list[str]:
    groups = [entry for entry in COMMANDS if isinstance(entry, Group)]
    return [f"{group.name} {verb}" for group in groups if any(entry.name == verb for entry in group.commands)]


def _close(name: str, known: Iterable[str]) -> list[str]:
    return difflib.get_close_matches(name, list(known), n=1, cutoff=SIMILAR)
