"""The kinds of handlers: what a job type may be. A new kind is its module here, one of the same name in
jobctl/handlers that runs it, and its name in NAMES.

Imported whenever a catalog is: what only reading YAML needs, a kind imports when it is asked for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from importlib import import_module
from operator import or_
from typing import TYPE_CHECKING

from jobctl.catalog.kinds.base import Kind, Spec

NAMES = ("python", "command", "http", "actor")
"""The keys under `jobs:` that say what a job type is, in the order in which messages name them."""

KINDS: Mapping[str, Kind] = {name: import_module(f"{__name__}.{name}").KIND for name in NAMES}

if TYPE_CHECKING:
    HandlerSpec = Spec
else:
    HandlerSpec = reduce(or_, (kind.spec for kind in KINDS.values()))
    """Every kind's values, for msgspec, which tells them apart by their tag, the kind's name."""


def kind_of(spec: Spec) -> Kind:
    """The kind that a job type is of."""
    return KINDS[spec.kind]
