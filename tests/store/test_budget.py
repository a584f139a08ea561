"""What one call of a script may cost Redis, counted in commands, arguments and bytes: time is the machine's.

The states are those of `benchmarks.worst`, which measures the same calls in time, over a larger crowd.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis

from benchmarks.worst.cases import CASES, Case
from benchmarks.worst.world import World
from jobctl.store import Store
from jobctl.store.wire.script import Call, Runner, Script

MOST = 3_000
"""Units, as _budget.lua counts them, but with all bytes that go in and out. 2,000 are the budget; the rest is what a
call begins and ends with, and the last job that it takes, whatever that carries."""
CROWD = 2_000
BEFORE = """
local uncounted, units = redis, 0

local function bytes_of(value)
  if type(value) == 'string' then return #value end
  if type(value) ~= 'table' then return 0 end
  local bytes = 0
  for _, each in pairs(value) do bytes = bytes + bytes_of(each) end
  return bytes
end

local redis = setmetatable({
  call = function(...)
    local reply = uncounted.call(...)
    units = units + 0.6 + select('#', ...) * 0.4 + bytes_of({ ... }) * 3 / 1024 + bytes_of(reply) * 1.5 / 1024
    return reply
  end,
}, { __index = uncounted })

local function script()
"""
AFTER = """
end
local answer = script()
uncounted.call('SET', '@units', string.format('%.0f', units))
return answer
"""


def counting(script: Script) -> Script:
    """The script, which leaves in a key of its own how many units it cost."""
    source = f"{BEFORE}{script.source}{AFTER}"
    return Script(
        script.name, source, hashlib.sha1(source.encode()).hexdigest(), script.keys, script.keys_each, script.reads
    )


class Counter(Runner):
    """Runs calls one by one, and keeps how many units each cost, by script."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(client)
        self.units: dict[str, list[int]] = defaultdict(list)

    def run(self, call: Call) -> Any:
        reply = super().run(msgspec.structs.replace(call, script=counting(call.script)))
        self.units[call.script.name].append(int(self.client.getdel("@units")))
        return reply

    def run_many(self, calls: Sequence[Call]) -> list[Any]:
        return [self.run(call) for call in calls]


@pytest.mark.inconsistent
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.script}: {case.what}")
def test_a_call_keeps_to_the_budget_whatever_its_jobs_carry(redis_client: redis.Redis, case: Case) -> None:
    store = Store(redis_client, "worst")
    world = World(store, CROWD)
    world.crowd()
    steps = case.steps(world)
    next(steps)
    counter = store._runner = Counter(redis_client)
    next(steps, None)
    assert max(counter.units[case.script]) <= MOST


def test_every_script_has_a_worst_case() -> None:
    folder = Path(str(resources.files("jobctl.store"))) / "scripts"
    scripts = {path.stem for path in folder.glob("*.lua") if not path.stem.startswith("_")}
    assert {case.script for case in CASES} == scripts
