"""Typer groups that import a command's module only when that command is invoked."""

from __future__ import annotations

import importlib
import keyword
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import typer
import typer.core
import typer.main

from jobctl.cli.parse.coercion import simplify
from jobctl.cli.registry import PANELS, Entry, Group
from jobctl.errors import UsageError

COMMON = "Common options"
COMMON_HELP = {
    "--catalog FILE": "Catalog (default: ./jobs.yaml).",
    "--profile NAME": "Named deployment to work on.",
    "--redis URL": "Redis URL, without a password (default: embedded).",
    "--namespace NAME": "Prefix of all keys in Redis.",
    "--state-dir DIR": "Where the embedded server keeps its data.",
    "-o, --output FORMAT": "Format of stdout: table, json, jsonl, yaml or name.",
    "--time FORMAT": "How tables show times: relative or iso.",
    "--no-color": "Print no colours.",
    "--as NAME": "Name of the bot that does this, for the audit log.",
    "-q, --quiet": "Print only errors to stderr.",
    "-v, --verbose": "Print more; -vv prints tracebacks.",
}
"""The options of every command, as `jobctl --help` lists them; a command's own help names them in one line."""
_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


_TYPES = {" <list[str]>": "", " <path>": " PATH", " <str>": " TEXT", " <int range>": " N"}
"""Types as Python calls them, and as help does."""


def _without_surplus(piece: str) -> str:
    """A piece of a usage line without what is put around our metavars: `{ID…}...`, `[[FILTER]…]...`."""
    piece = piece.removesuffix("...")
    surplus = (piece.startswith("{") and piece.endswith("}")) or (piece.startswith("[[") and piece.endswith("]"))
    return piece[1:-1] if surplus else piece


class Command(typer.core.TyperCommand):
    """A command whose help shows its own options first and the common ones apart."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As Typer's, but `-5` is an argument: no option is called like a number."""
        ctx.ignore_unknown_options = any(re.fullmatch("-[0-9]+", arg) for arg in args)
        self._refuse_options_as_values(ctx, args)
        return super().parse_args(ctx, args)

    def _refuse_options_as_values(self, ctx: Any, args: list[str]) -> None:
        """`--group --yes` lacks a group: to take `--yes` for it would be silent, and might change the wrong jobs."""
        options = [param for param in self.get_params(ctx) if param.param_type_name == "option"]
        known = {name for param in options for name in param.opts if name.startswith("--")}
        takes = {name for param in options if not (param.is_flag or param.count) for name in param.opts}
        for option, value in pairwise(args[: args.index("--")] if "--" in args else args):
            if option in takes and value in known:
                hint = f"write {option}={value} if that is its value" if option in known else ""
                raise UsageError(f"{option} lacks its value: {value} is an option", hint)

    def get_params(self, ctx: Any) -> Any:
        """The parameters, with plain conversion where that is enough."""
        return [simplify(param) for param in super().get_params(ctx)]

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The usage line; our metavars say themselves what is optional and repeated: `[FILTER]…`."""
        return [_without_surplus(piece) for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments, own options and common options as three sections."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": [], COMMON: []}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                shared = getattr(param, "rich_help_panel", None) == COMMON
                kind = "Arguments" if param.param_type_name == "argument" else "Options"
                names, text = record
                for python, plain in _TYPES.items():
                    names = names.replace(python, plain if kind == "Options" else "")
                sections[COMMON if shared else kind].append((names, text))
        shared_names = [names.split(",")[0].split()[0] for names, _ in sections.pop(COMMON)]
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)
        if shared_names:
            formatter.write_paragraph()
            formatter.write_text(f"{COMMON}: {', '.join(shared_names)} (see jobctl --help)")


class LazyGroup(typer.core.TyperGroup):
    """A group over registry entries."""

    def __init__(
        self,
        name: str,
        entries: Sequence[Entry | Group],
        help_text: str,
        *,
        folder: str = "",
        default: str = "",
        **extra: Any,
    ) -> None:
        """`folder` is where its commands' modules are, below jobctl.cli.commands; `default` is the command of a call
        that names none."""
        super().__init__(
            name=name,
            help=help_text,
            no_args_is_help=not default,
            rich_markup_mode=None,
            subcommand_metavar="COMMAND …",
            options_metavar="",
            context_settings=dict(_CONTEXT),
            **extra,
        )
        self.known = entries
        self.entries = {entry.name: entry for entry in entries}
        self.folder = folder
        self.default = default

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As Typer's; without a name, the default command takes the options."""
        if self.default and (not args or (args[0].startswith("-") and args[0] not in ("-h", "--help"))):
            args = [self.default, *args]
        return super().parse_args(ctx, args)

    def get_params(self, ctx: Any) -> Any:
        """The parameters, with plain conversion where that is enough."""
        return [simplify(param) for param in super().get_params(ctx)]

    def list_commands(self, ctx: Any) -> list[str]:
        """All names, in the registry's order; imports nothing."""
        del ctx
        return list(self.entries)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, its module imported now, or None."""
        entry = self.entries.get(cmd_name)
        if entry is None or cmd_name in self.commands:
            return super().get_command(ctx, cmd_name)
        self.add_command(build(entry, group=self.folder), cmd_name)
        return self.commands[cmd_name]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As Typer's, but an unknown name is our error, with the nearest known one."""
        name = args[0]
        if name not in self.entries and not name.startswith("-") and not ctx.resilient_parsing:
            raise unknown_command(ctx.command_path, name, self.known)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write one section a panel, from the table alone; the root also lists the common options."""
        self._format_panels(formatter)
        if self.default:
            formatter.write_paragraph()
            formatter.write_text(f"Without a command, it is `{ctx.command_path} {self.default}`, with these options:")
            self.get_command(ctx, self.default).format_options(ctx, formatter)
        if ctx.parent is None:
            with formatter.section(COMMON):
                formatter.write_dl(list(COMMON_HELP.items()))

    def _format_panels(self, formatter: Any) -> None:
        width = max(len(name) for name in self.entries)
        for panel in ("", *PANELS):
            rows = [(e.name.ljust(width), e.help) for e in self.entries.values() if e.panel == panel]
            if rows:
                with formatter.section(panel or "Commands"):
                    formatter.write_dl(rows)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Names from the table alone; importing every command would make the shell wait."""
        if self.default and incomplete.startswith("-"):
            return self.get_command(ctx, self.default).shell_complete(ctx, incomplete)
        from typer._click.shell_completion import CompletionItem  # Typer exports no public name for it

        found = [e for e in self.entries.values() if e.name.startswith(incomplete)]
        return [CompletionItem(entry.name, help=entry.help) for entry in found]


def unknown_command(path: str, name: str, entries: Sequence[Entry | Group]) -> UsageError:
    """The error for a command that does not exist."""
    from jobctl.cli.parse import near

    meant = near.commands(name, entries, path)
    hint = f"did you mean {' or '.join(meant)}?" if meant else f"see {path} --help"
    return UsageError(f"no such command: {path} {name}", hint)


def build(entry: Entry | Group, group: str = "") -> Any:
    """The Typer group of an entry, or its command, whose module is imported."""
    if isinstance(entry, Group):
        told = f"{entry.help}\n\nExample: {entry.example}"
        return LazyGroup(entry.name, entry.commands, told, folder=entry.name, default=entry.default)
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(entry.name, cls=Command, context_settings=dict(_CONTEXT))(load(entry, group))
    return typer.main.get_command(app)


def load(entry: Entry, group: str = "") -> Callable[..., Any]:
    """The function of an entry, in the folder of its group."""
    name = f"{entry.name}_" if keyword.iskeyword(entry.name) else entry.name
    path = ".".join(part for part in ("jobctl.cli.commands", group, name) if part)
    loaded: Callable[..., Any] = getattr(importlib.import_module(path), name)
    return loaded
