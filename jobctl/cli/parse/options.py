"""The options that every command takes, and the decorator that adds them to a command's signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Annotated, Any, Concatenate, ParamSpec, get_type_hints

import typer

from jobctl.cli.context import Context, Output, Times, explain
from jobctl.cli.parse.tree import COMMON
from jobctl.errors import UsageError
from jobctl.settings import resolve

P = ParamSpec("P")
MAX_BOT = 60
"""Characters of --as."""


def _option(*names: str, help: str, **extra: Any) -> Any:  # noqa: A002 - Typer's word
    return typer.Option(*names, help=help, rich_help_panel=COMMON, show_default=False, **extra)


_COMMON: dict[str, tuple[Any, Any]] = {
    "catalog": (
        Annotated[str | None, _option("--catalog", metavar="FILE", help="Catalog (default: ./jobs.yaml).")],
        None,
    ),
    "profile": (
        Annotated[str | None, _option("--profile", metavar="NAME", help="Named deployment to work on.")],
        None,
    ),
    "redis": (
        Annotated[
            str | None,
            _option("--redis", metavar="URL", help="Redis URL, without a password (default: embedded)."),
        ],
        None,
    ),
    "namespace": (
        Annotated[str | None, _option("--namespace", metavar="NAME", help="Prefix of all keys in Redis.")],
        None,
    ),
    "state_dir": (
        Annotated[
            str | None,
            _option("--state-dir", metavar="DIR", help="Where the embedded server keeps its data."),
        ],
        None,
    ),
    "output": (
        Annotated[Output, _option("-o", "--output", help="Format of stdout: table, json, jsonl, yaml or name.")],
        Output.TABLE,
    ),
    "time": (
        Annotated[Times, _option("--time", help="How tables show times: relative or iso.")],
        Times.RELATIVE,
    ),
    "no_color": (Annotated[bool, _option("--no-color", help="Print no colours.")], False),
    "acting": (
        Annotated[str, _option("--as", metavar="NAME", help="Name of the bot that does this, for the audit log.")],
        "",
    ),
    "quiet": (Annotated[bool, _option("-q", "--quiet", help="Print only errors to stderr.")], False),
    "verbose": (
        Annotated[int, _option("-v", "--verbose", count=True, help="Print more; -vv prints tracebacks.")],
        0,
    ),
}


class OptionSet:
    """Base of dataclasses whose fields are parameters of several commands, in Typer's notation.

    A command that has a parameter of such a class takes these, and gets them as one value.
    """


def command(function: Callable[Concatenate[Context, P], int | None]) -> Callable[..., int | None]:
    """Make `function(ctx, …)` a command: the common options are added and become its `ctx`.

    The function's other parameters are its own arguments and options, in Typer's notation. It returns its
    exit code, None for 0; errors are raised. Names of common options cannot be used by its own parameters.
    """
    signature = inspect.signature(function, eval_str=True)
    own = list(signature.parameters.values())[1:]
    sets = {parameter.name: parameter.annotation for parameter in own if _is_set(parameter)}

    def wrapper(**values: Any) -> int | None:
        ctx = _context({name: values.pop(name) for name in _COMMON})
        values |= {name: kind(**{f.name: values.pop(f.name) for f in fields(kind)}) for name, kind in sets.items()}
        try:
            return function(ctx, **values)  # type: ignore[call-arg]  # checked by Typer's parsing
        except Exception as error:
            told = explain(error, ctx)
            if told is None:
                raise
            raise told from error
        finally:
            ctx.close()

    wrapper.__name__ = function.__name__
    wrapper.__doc__ = function.__doc__
    wrapper.__module__ = function.__module__
    _declare(wrapper, [single for parameter in own for single in _expanded(parameter)])
    return wrapper


def _is_set(parameter: inspect.Parameter) -> bool:
    return isinstance(parameter.annotation, type) and issubclass(parameter.annotation, OptionSet)


def _expanded(parameter: inspect.Parameter) -> list[inspect.Parameter]:
    """The parameters of an option set; any other parameter as it is."""
    if not _is_set(parameter):
        return [parameter]
    hints = get_type_hints(parameter.annotation, include_extras=True)
    return [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in fields(parameter.annotation)
    ]


def _declare(wrapper: Callable[..., Any], own: list[inspect.Parameter]) -> None:
    """Give the wrapper the signature that Typer reads: the command's own parameters, then the common ones."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [parameter.replace(kind=keyword) for parameter in own]
    parameters += [
        inspect.Parameter(name, keyword, default=default, annotation=annotation)
        for name, (annotation, default) in _COMMON.items()
    ]
    wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}


def _context(values: dict[str, Any]) -> Context:
    settings = resolve(
        catalog=values["catalog"],
        redis=values["redis"],
        namespace=values["namespace"],
        profile=values["profile"],
        state_dir=values["state_dir"],
        no_color=values["no_color"],
        debug=values["verbose"] >= 2,
    )
    return Context(
        settings=settings,
        output=values["output"],
        times=values["time"],
        quiet=values["quiet"],
        verbosity=values["verbose"],
        acting=_bot(values["acting"]),
    )


def _bot(name: str) -> str:
    if len(name) > MAX_BOT or not name.isprintable():
        raise UsageError(f"--as takes a name of up to {MAX_BOT} printable characters")
    return name
