"""`jobctl schedule import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobctl.cli.context import Context, Output
from jobctl.cli.parse.options import command
from jobctl.errors import UsageError

Crontab = Annotated[str, typer.Argument(metavar="CRONTAB", help="A file; - for stdin, as from `crontab -l`.")]
System = Annotated[
    bool | None,
    typer.Option(
        "--system/--no-system",
        help="Whether lines name a user after the times, as in /etc/crontab; if not given, it is guessed.",
        show_default=False,
    ),
]
Zone = Annotated[
    str | None,
    typer.Option(
        "--timezone", metavar="ZONE", help="The zone of the times; this machine's if not given.", show_default=False
    ),
]


@command
def import_(
    ctx: Context,
    crontab: Crontab,
    system: System = None,
    timezone: Zone = None,
) -> int:
    """Print a crontab as a catalog: a `command` job and a schedule for each line.

    A crontab is the system's, with a user in each line, if it is /etc/crontab or in /etc/cron.d, or if each of its
    commands would begin with a user of this machine. stderr says which it was taken for. Environment lines go into the
    jobs. What has no counterpart (`@reboot`, input after `%`) is told on stderr with its line, and the exit code is 1.

    Example: jobctl schedule import mycrontab --timezone Europe/Berlin
    """
    import yaml

    from jobctl.catalog.schedules import zone_problem
    from jobctl.ops.schedules.crontab import local_zone, names_users, read

    zone = timezone or local_zone()
    if zone is None:
        zone = "UTC"
        ctx.say("this machine does not name its time zone: the times are taken as UTC; name another with --timezone")
    if problem := zone_problem(zone):
        raise UsageError(f"--timezone: {problem}")
    text = _text(ctx, crontab)
    if system is None:
        system = names_users(text, crontab)
        ctx.say(
            f"{crontab}: taken as a system crontab, whose lines name a user; use --no-system if these are commands"
            if system
            else f"{crontab}: taken as a user's own crontab; use --system if its lines name a user after the times"
        )
    found = read(text, zone, system=system)
    catalog = {"version": 1, "jobs": found.jobs, "schedules": found.schedules}
    if found.schedules and ctx.output is Output.NAME:
        ctx.stdout.write("".join(f"{name}\n" for name in found.schedules))
    elif found.schedules and ctx.output in (Output.JSON, Output.JSONL):
        ctx.emit(catalog, ())
    elif found.schedules:
        ctx.stdout.write(yaml.safe_dump(catalog, sort_keys=False, allow_unicode=True, width=110))
    for number, note in sorted([*found.notes, *((line, f"not imported: {why}") for line, why in found.refused)]):
        ctx.say(f"{crontab}:{number}: {note}")
    ctx.say(
        f"lines imported: {len(found.schedules)}" + (f", not imported: {len(found.refused)}" if found.refused else "")
    )
    return 1 if found.refused or not found.schedules else 0


def _text(ctx: Context, name: str) -> str:
    if name == "-":
        return ctx.stdin.read()
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {name}: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from error
