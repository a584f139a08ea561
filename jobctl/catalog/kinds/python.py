"""`python: module:callable`: a function or a coroutine function."""

from __future__ import annotations

from jobctl.catalog.kinds.base import Spec, TargetKind


class PythonSpec(Spec, frozen=True, tag="python"):
    """`python: module:callable`, sync or async, called with the payload as keyword arguments."""

    target: str


class _PythonKind(TargetKind):
    spec = PythonSpec
    what = "A callable, sync or async, called with the payload as keyword arguments."
    isolates = True


KIND = _PythonKind()
