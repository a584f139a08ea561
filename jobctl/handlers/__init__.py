"""What runs a job: one module a kind. Handlers know nothing of queues, Redis or the engine."""

from jobctl.handlers.registry import build, cool, enforces_deadline, get_ready, warm

__all__ = ["build", "cool", "enforces_deadline", "get_ready", "warm"]
