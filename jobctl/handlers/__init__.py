"""What runs a job: one module a kind. Handlers know nothing of queues, Redis or the engine."""

from jobctl.handlers.registry import build, enforces_deadline

__all__ = ["build", "enforces_deadline"]
