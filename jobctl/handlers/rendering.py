"""What handlers share about the catalog's templates and about values that are read at run time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from jobctl.catalog.kinds.base import External
from jobctl.catalog.templates import TemplateProblem, compile_text, context
from jobctl.handlers.base import Attempt, HandlerFailure, Surroundings

Names = Mapping[str, Any]

MAX_FILE_BYTES = 65_536
"""The largest file that `{file: PATH}` may name: it holds a token or a certificate, not data."""


def names(attempt: Attempt) -> dict[str, Any]:
    """What the templates of this attempt see."""
    return context(
        attempt.payload,
        job_id=attempt.job_id,
        job_type=attempt.type,
        attempt=attempt.number,
        label=attempt.label,
    )


@contextmanager
def rendering() -> Iterator[None]:
    """A template that fails on this payload fails on it again: no retry."""
    try:
        yield
    except TemplateProblem as problem:
        raise HandlerFailure("TemplateProblem", str(problem), retryable=False) from problem


def one_text(value: Any) -> str:
    """A value as one text for an argument, a variable or a header. Raises TemplateProblem."""
    if value is None:
        raise TemplateProblem("the expression gives null; use `| default('…', true)` or leave it out")
    text = value if isinstance(value, str) else _json(value)
    return checked(text)


def checked(text: str) -> str:
    """The text itself. Raises TemplateProblem for what no operating system interface can carry."""
    if "\0" in text:
        raise TemplateProblem("the text holds a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise TemplateProblem("the text holds half of a surrogate pair") from None
    return text


def compile_setting(setting: str | External, surroundings: Surroundings) -> Callable[[Names], str]:
    """A function from names to the text of an environment variable or a header."""
    if isinstance(setting, str):
        return compile_text(setting, one_text)
    external = setting
    return lambda _names: read_external(external, surroundings)


def read_external(external: External, surroundings: Surroundings) -> str:
    """`{env: NAME}` or `{file: PATH}`, one trailing newline of a file dropped. Raises HandlerFailure."""
    if external.kind == "env":
        value = surroundings.env.get(external.name)
        if value is None:
            raise HandlerFailure("MissingValue", f"{external.name} is not set in the worker's environment")
        return value
    try:
        with (surroundings.folder / external.name).open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise HandlerFailure("MissingValue", f"cannot read {external.name}: {error.strerror}") from error
    if len(content) > MAX_FILE_BYTES or b"\0" in content:
        raise HandlerFailure("MissingValue", f"{external.name} is not a text file of at most {MAX_FILE_BYTES} bytes")
    return content.decode(errors="replace").removesuffix("\n").removesuffix("\r")


def _json(value: Any) -> str:
    from jobctl.catalog.sandbox import to_json

    return to_json(value)
