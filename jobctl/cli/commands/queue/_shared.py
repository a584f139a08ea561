"""What `jobctl queue` commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.parse import complete

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="A queue.", autocompletion=complete.queues, show_default=False)
]
