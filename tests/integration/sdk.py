"""OpenTelemetry's SDK for the tests of traces, in a folder of its own: where it is installed beside redis-py, each
process that imports redis imports it, too, which takes longer than all else that a command does.

`python -m tests.integration.sdk` puts it into the virtual environment; `make setup` does that.
"""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

FOLDER = Path(sys.prefix, "share", "opentelemetry-sdk")


def use() -> None:
    """Let this process import the SDK."""
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))


def fetch() -> None:
    """Install the SDK of the version of the API that is installed. Raises subprocess.CalledProcessError."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]
    wanted = f"opentelemetry-sdk=={metadata.version('opentelemetry-api')}"
    subprocess.run([*pip, "--target", FOLDER, wanted], check=True)


if __name__ == "__main__":
    fetch()
