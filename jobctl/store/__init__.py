"""Everything that knows Redis: keys, scripts, one module a noun. Never imports dramatiq."""

from __future__ import annotations

from jobctl.store.store import Store

__all__ = ["Store"]
