"""What identifies a process, and how much memory it takes."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
from pathlib import Path


def process_name() -> str:
    """A name for this process that no other has had: "host:pid:random"."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"


def resident_bytes(pid: int) -> int:
    """The process's resident memory in bytes; 0 when it is gone or the system does not say."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_bytes().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0 if sys.platform == "linux" else _resident_by_ps(pid)


def _resident_by_ps(pid: int) -> int:
    found = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=False)
    return int(found.stdout or 0) * 1024
