"""Whether the libraries of the extra are there."""

from __future__ import annotations

from importlib.util import find_spec

from jobctl.errors import UsageError

NEEDED = ("starlette", "uvicorn")


def require() -> None:
    """Raise UsageError where a library is missing, with what to install."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise UsageError(f"web needs {' and '.join(missing)}", "pip install 'jobctl[web]'")
