"""What runs a job: one module a kind. Handlers know nothing of queues, Redis or the engine."""

from jobctl.handlers.registry import build

__all__ = ["build"]
