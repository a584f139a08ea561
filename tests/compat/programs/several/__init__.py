"""Actors in several files, on a broker that they name (Dramatiq's example `use_actors_from_different_files`)."""

from several.bar import bar_task
from several.foo import foo_task

__all__ = ["bar_task", "foo_task"]
