"""`python -m tests.chaos [NUMBER…] [--quick] [--stock]`: run the faults, print the table, exit 1 if any bound fails."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from pathlib import Path

from tests.chaos import scenarios
from tests.chaos.scenario import Row, Scenario, attempt, measure, measure_stock, show


def all_scenarios() -> list[Scenario]:
    names = [module.name for module in pkgutil.iter_modules(scenarios.__path__)]
    found = [importlib.import_module(f"{scenarios.__name__}.{name}").SCENARIO for name in names]
    return sorted(found, key=lambda scenario: scenario.number)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("numbers", nargs="*", type=int, help="scenarios to run; all by default")
    parser.add_argument("--quick", action="store_true", help="bounded sizes, for CI")
    parser.add_argument("--stock", action="store_true", help="also every stock row; in --quick only the cheap ones")
    parser.add_argument("--keep", type=Path, help="leave each scenario's files below this folder")
    parser.add_argument(
        "--ci", action="store_true", help="judge by counts alone, and give a row that fails a second try"
    )
    given = parser.parse_args()
    rows: list[Row] = []
    for scenario in all_scenarios():
        if not given.numbers or scenario.number in given.numbers:
            rows += _run(scenario, given)
    print("\n" + show(rows))
    held = [row.counts_hold if given.ci else row.ok for row in rows if "stock:" not in row.name]
    return 0 if all(held) else 1


def _run(scenario: Scenario, given: argparse.Namespace) -> list[Row]:
    keep = given.keep / f"{scenario.number:02d}" if given.keep else None
    rows = [attempt(scenario, lambda: measure(scenario, long=not given.quick, keep=keep))]
    print(show(rows), flush=True)
    if given.ci and not rows[0].counts_hold:
        rows = [attempt(scenario, lambda: measure(scenario, long=not given.quick, keep=keep))]
        print("once more:\n" + show(rows), flush=True)
    if scenario.stock and (given.stock or not given.quick or scenario.stock_is_quick):
        rows.append(attempt(scenario, lambda: measure_stock(scenario, long=not given.quick)))
        print(show(rows[1:]), flush=True)
    return rows


if __name__ == "__main__":
    sys.exit(main())
