"""What every command that changes many jobs takes: which jobs, and how careful to be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from jobctl.cli.explain import Explain
from jobctl.cli.parse import complete
from jobctl.cli.parse.options import OptionSet
from jobctl.cli.parse.reason import Reason
from jobctl.cli.parse.reveal import Unredacted

FILTERS = "queue: job: state: group: error~ args.KEY= label: since: until: attempts: took: host: id:"
Terms = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ID|FILTER]…",
        help=f"Ids (- reads them from stdin), or a filter: {FILTERS}, NOT, OR, ( )",
        autocompletion=complete.filters,
        show_default=False,
    ),
]
Filters = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[FILTER]…",
        help=f"{FILTERS}, NOT, OR, ( )",
        autocompletion=complete.filters,
        show_default=False,
    ),
]
Groups = Annotated[
    list[str] | None,
    typer.Option("--group", metavar="GROUP", help="Select an error group; may be repeated.", show_default=False),
]
InQueue = Annotated[
    str | None,
    typer.Option("--queue", metavar="NAME", help="Look in this queue only.", show_default=False),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")]
Yes = Annotated[bool, typer.Option("-y", "--yes", help="Do not ask for confirmation.")]
Maximum = Annotated[
    int | None,
    typer.Option("--max", metavar="N", min=0, help="Refuse to change more than N jobs.", show_default=False),
]


@dataclass(frozen=True, slots=True)
class Selected(OptionSet):
    """Which jobs to change."""

    terms: Terms = None
    groups: Groups = None
    everything: Annotated[bool, typer.Option("--all", help="Select all jobs that this command can change.")] = False
    queue: InQueue = None
    limit: Annotated[
        int | None,
        typer.Option("--limit", metavar="N", min=1, help="Change only the N oldest that match.", show_default=False),
    ] = None
    newest: Annotated[bool, typer.Option("--newest", help="With --limit: change the newest instead of the oldest.")] = (
        False
    )
    unredacted: Unredacted = False


@dataclass(frozen=True, slots=True)
class Answers(OptionSet):
    """How careful to be."""

    dry_run: DryRun = False
    yes: Yes = False
    maximum: Maximum = None
    plan: Annotated[
        Path | None,
        typer.Option(
            "--plan",
            metavar="FILE",
            dir_okay=False,
            help="Write exactly these jobs to a file, for `jobctl op apply`, and change nothing.",
            show_default=False,
        ),
    ] = None
    explain: Explain = False
    reason: Reason = ""

    @property
    def only_look(self) -> bool:
        """Whether nothing is to be changed."""
        return self.dry_run or self.explain or self.plan is not None
