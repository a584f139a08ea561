"""`jobctl.once(key)`: a side effect that is done once, however often its job runs.

Redis keeps that it was done, fenced by the attempt: one that is no longer the current one can neither begin it nor say
that it is done. Between the side effect itself and the word of it in Redis a crash can still fall: then it is done
again. Where that must not be, let the same transaction that does it record it (docs/guarantees.md).
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

import msgspec

from jobctl.catalog.units import duration_ms
from jobctl.context import current
from jobctl.errors import JobctlError, UsageError

MAX_KEY = 200
MAX_VALUE_BYTES = 65_536


class OnceBusy(JobctlError):
    """Another running job does the same side effect now. The attempt fails, and is retried as the catalog says."""


class Once:
    """One side effect. `needed` says whether it is still to be done; `value` is what was kept with it.

    Used as `with jobctl.once("charge-42") as once: if once.needed: once.value = charge()`. When the block ends it is
    done; when an exception leaves the block it is not, and the next attempt does it. `value` must be JSON.

    `key` holds in the whole namespace; that it was done is kept for `keep`, seconds or a duration. Raises JobctlError
    outside a job. Entering raises OnceBusy while another running job is at it.
    """

    def __init__(self, key: str, keep: float | str) -> None:
        if not key or len(key) > MAX_KEY:
            raise UsageError(f"the key of `once` has {len(key)} characters", f"use 1 to {MAX_KEY}")
        self.key = key
        self.needed = False
        self.value: Any = None
        self._keep_ms = duration_ms(keep)
        self._step = current().side_effect

    def __enter__(self) -> Once:
        state, by, value = self._step("begin", self.key, "", self._keep_ms)
        if state == "busy":
            raise OnceBusy(f"job {by} is running `{self.key}` now", "retry when that job has ended")
        _require_current(state, self.key)
        self.needed = state == "mine"
        if not self.needed:
            self.value = msgspec.json.decode(value)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if not self.needed:
            return
        if error is not None:
            self._step("undo", self.key, "", 1)
            return
        state, _, _ = self._step("done", self.key, _encoded(self.value), self._keep_ms)
        _require_current(state, self.key)


def _require_current(state: str, key: str) -> None:
    if state == "late":
        raise JobctlError(f"`{key}`: this attempt is no longer the job's current one", "another attempt has taken over")


def _encoded(value: Any) -> str:
    try:
        text = msgspec.json.encode(value).decode()
    except (TypeError, ValueError, RecursionError) as problem:
        raise UsageError(f"the value of `once` cannot be written as JSON: {problem}") from problem
    if len(text) > MAX_VALUE_BYTES:
        raise UsageError(
            f"the value of `once` has {len(text):,} bytes of JSON", f"at most {MAX_VALUE_BYTES:,} are kept"
        )
    return text
