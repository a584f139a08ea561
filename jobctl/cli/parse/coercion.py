"""Plain conversion of arguments, so that parsing a command line does not import pydantic.

Typer 0.29 converts every value, plain text too, through a pydantic adapter, whose import costs more than the
rest of a short command. Text, numbers, paths and choices need none of it; whatever else a parameter asks for
is left to Typer.
"""

from __future__ import annotations

import enum
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

_UNTOUCHED = object()


def simplify(param: Any) -> Any:
    """Give a Typer parameter the plain converter if its type allows; returns the parameter.

    `_runtime_param` is Typer's own cache of the converter that it would build. A Typer that has no such
    attribute, or other types, keep Typer's conversion: slower, and the same otherwise.
    """
    descriptor = getattr(param, "type_descriptor", None)
    if descriptor is not None and getattr(param, "_runtime_param", _UNTOUCHED) is None:
        convert = _converter(descriptor.annotation, descriptor.parameter_info)
        if convert is not None:
            param._runtime_param = _Plain(convert)
    return param


class _Plain:
    """Stands where Typer keeps its RuntimeParam; only `coerce` is ever called."""

    def __init__(self, convert: Callable[[Any], Any]) -> None:
        self.convert = convert

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        many = param.multiple or param.nargs == -1
        if value is None:
            return () if many else None
        try:
            return [self.convert(item) for item in value] if many else self.convert(value)
        except ValueError as error:
            raise typer.BadParameter(str(error), ctx=ctx, param=param) from None


def _converter(annotation: Any, info: Any) -> Callable[[Any], Any] | None:
    if typing.get_origin(annotation) is list:
        annotation = typing.get_args(annotation)[0]
    if getattr(info, "parser", None) is not None or not isinstance(annotation, type):
        return None
    if issubclass(annotation, enum.StrEnum) and info.case_sensitive:
        return _choice(annotation)
    if annotation is Path and not (info.exists or info.resolve_path or info.writable or info.path_type):
        return Path if info.file_okay and info.dir_okay else None
    if annotation in (int, float) and not info.clamp:
        return _number(annotation, info.min, info.max)
    if annotation is bool:
        return _flag
    return str if annotation is str else None


def _choice(kind: type[enum.StrEnum]) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        try:
            return kind(value)
        except ValueError:
            raise ValueError(f"{value!r} is not one of {', '.join(kind)}") from None

    return convert


def _number(kind: type[int | float], least: float | None, most: float | None) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        try:
            number = kind(value)
        except ValueError:
            raise ValueError(f"{value!r} is not a {'whole ' * (kind is int)}number") from None
        if (least is not None and number < least) or (most is not None and number > most) or number != number:
            raise ValueError(f"{value} is not {_range(least, most)}")
        return number

    return convert


def _range(least: float | None, most: float | None) -> str:
    if least is None:
        return "a number" if most is None else f"at most {most}"
    return f"at least {least}" if most is None else f"between {least} and {most}"


def _flag(value: Any) -> bool:
    if isinstance(value, str):
        raise ValueError(f"{value!r} is not true or false")
    return bool(value)
