"""Dramatiq's own tests, out of the sdist of the installed version: they are LGPL and are not part of this repository.

`python -m tests.compat.sdist` puts them into the virtual environment; `make setup` does that.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from importlib import metadata
from pathlib import Path

VERSION = metadata.version("dramatiq")
FOLDERS = (
    Path(sys.prefix, "share", "dramatiq-tests", VERSION),
    Path(tempfile.gettempdir(), f"dramatiq-tests-{VERSION}"),
)
"""Where they may lie: in the virtual environment, or, where that belongs to somebody else, in a temporary folder."""


def find() -> Path:
    """The folder of Dramatiq's tests; fetches them if they are not here."""
    for folder in FOLDERS:
        if (folder / "test_redis.py").exists():
            return folder
    return fetch(FOLDERS[1])


def fetch(folder: Path) -> Path:
    """Download the sdist with pip and unpack its tests into `folder`."""
    with tempfile.TemporaryDirectory() as work:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        source = ["--no-deps", "--no-build-isolation", "--no-binary", ":all:"]
        subprocess.run([*pip, *source, "--dest", work, f"dramatiq=={VERSION}"], check=True)
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(next(Path(work).glob("dramatiq-*.tar.gz"))) as archive:
            for member in archive.getmembers():
                path = Path(member.name)
                source = archive.extractfile(member) if path.parent.name == "tests" else None
                if source is not None:
                    (folder / path.name).write_bytes(source.read())
    return folder


if __name__ == "__main__":
    fetch(FOLDERS[0])
