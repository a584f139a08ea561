"""Sends the programs' work and prints what became of it, as JSON: {program: outcome}."""

from __future__ import annotations

import json
import sys

import stock

stock.set_up()

import basic  # noqa: E402 - the broker comes first
import composed  # noqa: E402
import crawler  # noqa: E402
import limits  # noqa: E402
import periodic  # noqa: E402
import several  # noqa: E402
from said import wait  # noqa: E402

PROGRAMS = (basic, composed, crawler, limits, periodic)

for program in PROGRAMS:
    program.send()
several.foo_task.send()
several.bar_task.send()
found: dict[str, object] = {}
for program in PROGRAMS:
    found |= program.outcome()
found["several"] = sorted(wait("several", 2))
found["sentry"] = sorted(wait("sentry", 2))
sys.stdout.write(json.dumps(found))
