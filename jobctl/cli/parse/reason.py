"""`--reason`: why something is changed, for others who look later."""

from __future__ import annotations

from typing import Annotated

import typer

Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="The reason, shown to others.", show_default=False)
]
