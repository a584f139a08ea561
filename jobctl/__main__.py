"""`python -m jobctl` and the console script."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Run the command line and exit with its code."""
    from jobctl.cli.main import main as run

    code = run()
    gc.freeze()  # else Python's last collections look at all objects of all modules, for nothing: a sixth of a command
    sys.exit(code)


if __name__ == "__main__":
    main()
