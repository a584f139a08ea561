"""Tests marked `tools("zsh", …)` need these programs on PATH, and are skipped where one is missing.

`make test` leaves them out, `make test-tools` runs them and ends with a line that names the missing programs.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

MISSING = pytest.StashKey[set[str]]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    found = config.stash.setdefault(MISSING, set())
    for item in items:
        if missing := sorted(program for program in _needed(item) if shutil.which(program) is None):
            item.add_marker(pytest.mark.skip(reason=f"needs {', '.join(missing)}"))
            found.update(missing)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if "tools" in str(config.option.markexpr) and not str(config.option.markexpr).startswith("not"):
        missing = config.stash.get(MISSING, set())
        told = f"not on this machine, so not tested: {', '.join(sorted(missing))}" if missing else "every tool is here"
        terminalreporter.write_line(told)


def _needed(item: pytest.Item) -> Iterator[str]:
    for marker in item.iter_markers("tools"):
        yield from marker.args
