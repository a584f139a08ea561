"""`jobctl validate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobctl.cli.context import Context, Output
from jobctl.cli.parse.options import command
from jobctl.cli.view.table import Column
from jobctl.errors import UsageError

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.catalog.problems import Problem

COLUMNS = (
    Column("FILE", "file"),
    Column("LINE", "line", right=True),
    Column("COLUMN", "column", right=True),
    Column("WHERE", "where"),
    Column("PROBLEM", "message"),
    Column("HINT", "hint"),
)


@command
def validate(
    ctx: Context,
    path: Annotated[Path | None, typer.Argument(help="The catalog (default: --catalog).", show_default=False)] = None,
    imports: Annotated[bool, typer.Option("--import", help="Also import what the catalog names.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of catalogs.")] = False,
) -> int | None:
    """Check a catalog and report every problem in it.

    Problems go to stderr, one per line, with exit code 2; with -o json they are a list on stdout.

    Example: jobctl validate --import
    """
    if schema:
        return _print_schema(ctx)
    catalog_path = path or ctx.settings.catalog_path
    try:
        catalog, warnings = _imported(catalog_path) if imports else (_load(catalog_path), ())
        _refuse_what_cannot_be(catalog)
    except UsageError as error:
        problems = getattr(error, "problems", None)
        if problems is None or ctx.output is Output.TABLE:
            raise
        ctx.emit(list(problems), COLUMNS)
        return error.exit_code
    if ctx.output is not Output.TABLE:
        ctx.emit([], COLUMNS)
    for warning in (*warnings, *_cautions(catalog)):
        ctx.say(f"warning: {warning}")
    ctx.say(_summary(catalog))
    return 0


def _load(path: Path) -> Catalog:
    from jobctl.catalog.load import load

    return load(path)


def _refuse_what_cannot_be(catalog: Catalog) -> None:
    from jobctl import clock
    from jobctl.catalog.cautions import over
    from jobctl.catalog.problems import CatalogError

    found = over(catalog, clock.now_ms())
    if catalog.alerts:
        from jobctl.ops.alerts.judge import problems

        found += problems(catalog)
    if found:
        raise CatalogError(tuple(found))


def _cautions(catalog: Catalog) -> list[Problem]:
    from jobctl import clock
    from jobctl.catalog.cautions import cautions

    return cautions(catalog, clock.now_ms())


def _imported(path: Path) -> tuple[Catalog, tuple[Problem, ...]]:
    from jobctl.ops.validate import try_imports

    return try_imports(path)


def _print_schema(ctx: Context) -> int:
    from jobctl.catalog.schema import json_schema
    from jobctl.cli.view.formats import to_json

    ctx.stdout.write(to_json(json_schema(), indent=2) + "\n")
    return 0


def _summary(catalog: Catalog) -> str:
    def counted(items: Any, word: str) -> str:
        return f"{len(items)} {word}{'' if len(items) == 1 else 's'}"

    parts = (
        counted(catalog.jobs, "job type"),
        counted(catalog.queues, "queue"),
        counted(catalog.schedules, "schedule"),
        *([counted(catalog.alerts, "alert")] if catalog.alerts else ()),
    )
    return f"{catalog.path} is valid: {', '.join(parts)}"
