"""`command: [...]`: a program with its arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from jobctl.catalog.kinds.base import External, Kind, Spec, read_secrets

if TYPE_CHECKING:
    from jobctl.catalog.problems import Path
    from jobctl.catalog.report import Report
    from jobctl.catalog.shapes import Field

_IN_COMMAND = "put it beside `args`: `command: {args: [...], env: {...}, cwd: ...}`"


class CommandSpec(Spec, frozen=True, tag="command"):
    """`command: [...]`: an argument list, never a shell line. Arguments, env values, cwd may be templates."""

    argv: tuple[str, ...]
    env: Mapping[str, str | External] = {}
    cwd: str | None = None


class _CommandKind(Kind):
    spec = CommandSpec
    templates = True
    misplaced: ClassVar[Mapping[str, str]] = {"env": _IN_COMMAND, "cwd": _IN_COMMAND}

    def field(self) -> Field:
        from jobctl.catalog.readers import ARGUMENT, ENV_NAME, SECRET, TEMPLATE
        from jobctl.catalog.shapes import Either, Field, ListOf, MapOf, Object

        arguments = ListOf(ARGUMENT, "a list of arguments", 1)
        reader = Either(
            "a list of arguments, or a mapping with `args`",
            list=arguments,
            mapping=Object(
                {
                    "args": Field(
                        arguments,
                        "The program and its arguments; never a shell line. Arguments may be templates.",
                        required=True,
                    ),
                    "env": Field(MapOf(SECRET, ENV_NAME), "Environment variables to add; values may be templates."),
                    "cwd": Field(TEMPLATE, "The folder to run in; may be a template."),
                }
            ),
        )
        return Field(reader, "A command to run.")

    def read(self, value: Any, path: Path, report: Report) -> CommandSpec:
        from jobctl.catalog.kinds.shells import code_templates
        from jobctl.catalog.report import shown
        from jobctl.catalog.templates import is_template

        values: Mapping[str, Any] = {"args": value} if isinstance(value, tuple) else value
        argv: tuple[str, ...] = values["args"]
        args_path = path if isinstance(value, tuple) else (*path, "args")
        if is_template(argv[0]) or not argv[0].strip():
            report.add(
                (*args_path, 0),
                f"the program cannot be a template, found {shown(argv[0])}",
                "only arguments may be templates",
            )
        for index in code_templates(argv):
            hint = 'pass the value as an argument after it: `sh -c \'echo "$1"\' sh "{{ name }}"`, or in `env`'
            report.add((*args_path, index), "a payload value cannot become part of a shell line or a script", hint)
        return CommandSpec(argv, read_secrets(values.get("env", {}), (*path, "env"), report), values.get("cwd"))


KIND = _CommandKind()
