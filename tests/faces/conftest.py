"""The catalog and the store of tests/commands, for those who look at them."""

from tests.commands.conftest import lab, store, worker

__all__ = ["lab", "store", "worker"]
