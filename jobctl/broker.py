"""The Dramatiq broker whose messages are jobctl's jobs: `from jobctl.broker import JobctlBroker`."""

from __future__ import annotations

from jobctl.engine.dramatiq.broker import JobctlBroker

__all__ = ["JobctlBroker"]
