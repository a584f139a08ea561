"""What a scenario is, how it is judged, and the row that it prints."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.arena import CATALOG, Arena, Tally, arena
from tests.chaos.ledger import most_within
from tests.chaos.stock import stock_arena
from tests.store import invariants

CATCH_UP_S = 0.05
"""How late a start may be without slowing a smooth rate down, which then catches up."""
ON_THE_WAY_S = 0.25
"""How long a busy machine may take from handing a job out to its line in the ledger."""


@dataclass(frozen=True)
class Check:
    """One bound: what it says with the measured value, and whether it holds."""

    text: str
    ok: bool
    timed: bool = False
    """It is about seconds, which a busy machine stretches."""


def within(what: str, measured: float | None, limit: float) -> Check:
    """A bound in seconds; None means that it never happened."""
    if measured is None:
        return Check(f"{what}: never", False)
    return Check(f"{what} {measured:.2f} s, at most {limit:g}", measured <= limit, timed=True)


def exactly(what: str, measured: int, wanted: int) -> Check:
    return Check(f"{what} {measured} of {wanted}", measured == wanted)


def paced(what: str, starts: Sequence[float], per_second: float, window_s: float) -> Check:
    """No more starts in any window than a smooth rate allows, with what it may catch up."""
    most = int(per_second * (window_s + CATCH_UP_S + ON_THE_WAY_S)) + 1
    found = most_within(starts, window_s)
    return Check(f"{what}: {found} starts in the densest {window_s:g} s, at most {most}", found <= most)


def consistent(world: Arena) -> Check:
    """Whether all that is in Redis fits together."""
    broken = invariants.check(world.store)
    return Check(f"violated invariants: {broken[:3]}", not broken)


@dataclass(frozen=True)
class Finding:
    """What a scenario measured beyond the count. `repeats` is how many repeated attempts its fault excuses."""

    repeats: int = 0
    checks: list[Check] = field(default_factory=list)
    losses: int = 0
    """Losses that the fault excuses: acknowledged by a server that then lost them."""


@dataclass(frozen=True)
class Scenario:
    """`quick` and `long` are arguments of `run` (and of `stock`, the same fault against the stock broker)."""

    number: int
    title: str
    run: Callable[..., Finding]
    quick: Mapping[str, Any] = field(default_factory=dict)
    long: Mapping[str, Any] = field(default_factory=dict)
    catalog: str = CATALOG
    options: Mapping[str, str] = field(default_factory=dict)
    stock: Callable[..., Finding] | None = None
    stock_is_quick: bool = False
    """The stock row takes less than half a minute."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    tally: Tally
    seconds: float
    checks: list[Check]

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)

    @property
    def counts_hold(self) -> bool:
        """Whether all holds but, perhaps, a bound in seconds."""
        return all(check.ok or check.timed for check in self.checks)


def measure(scenario: Scenario, *, long: bool, keep: Path | None = None) -> Row:
    """Run a scenario in a world of its own."""
    size = scenario.long if long else scenario.quick
    with tempfile.TemporaryDirectory(prefix="chaos-") as name:
        folder = keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        with arena(folder, scenario.catalog, **scenario.options) as world:
            finding = scenario.run(world, **size)
            tally = world.tally()
    return Row(_name(scenario), tally, time.monotonic() - began, _judged(tally, finding))


def measure_stock(scenario: Scenario, *, long: bool) -> Row:
    """The same fault against the stock broker and its own workers."""
    assert scenario.stock
    size = scenario.long if long else scenario.quick
    with tempfile.TemporaryDirectory(prefix="chaos-") as name:
        began = time.monotonic()
        with stock_arena(Path(name), **scenario.options) as world:
            finding = scenario.stock(world, **size)
            tally = world.tally()
    return Row(f"   stock: {scenario.title}", tally, time.monotonic() - began, _judged(tally, finding))


def attempt(scenario: Scenario, run: Callable[[], Row]) -> Row:
    """A scenario that breaks is a row that fails."""
    try:
        return run()
    except Exception as problem:  # noqa: BLE001 - one scenario's trouble must not hide the others
        return Row(_name(scenario), Tally(0, 0, 0, 0, 0), 0.0, [Check(f"{type(problem).__name__}: {problem}", False)])


def _name(scenario: Scenario) -> str:
    return f"{scenario.number:2d} {scenario.title}"


def _judged(tally: Tally, finding: Finding) -> list[Check]:
    clean = [
        Check(f"lost {tally.lost}, at most {finding.losses}", tally.lost <= finding.losses),
        Check(f"stuck {tally.stuck}, at most 0", tally.stuck == 0),
        Check(f"repeated {tally.repeated}, at most {finding.repeats}", tally.repeated <= finding.repeats),
    ]
    return [*(check for check in clean if not check.ok or check.text.startswith("repeated")), *finding.checks]


def show(rows: list[Row]) -> str:
    """The table as text: counts first, then every bound with its measured value."""
    wide = max(len(row.name) for row in rows)
    head = f"{'scenario':{wide}}  accepted  lost  stuck  dead  repeated  seconds  verdict"
    out = [head, "-" * len(head)]
    for row in rows:
        t = row.tally
        out.append(
            f"{row.name:{wide}}  {t.accepted:8d}  {t.lost:4d}  {t.stuck:5d}  {t.dead:4d}  {t.repeated:8d}"
            f"  {row.seconds:7.1f}  {'holds' if row.ok else 'FAILS'}"
        )
        out += [f"{'':{wide}}  {'' if check.ok else 'FAILS: '}{check.text}" for check in row.checks]
    return "\n".join(out)
