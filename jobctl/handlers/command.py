"""`command: [...]`: a program with an argument list, never a shell line."""

from __future__ import annotations

import errno
from collections.abc import Mapping

from jobctl.catalog.kinds.command import CommandSpec
from jobctl.catalog.templates import compile_text, is_template
from jobctl.errors import UsageError
from jobctl.handlers import process
from jobctl.handlers.base import Attempt, Handler, HandlerFailure, Surroundings, interruption
from jobctl.handlers.group import signal_name
from jobctl.handlers.rendering import Names, checked, compile_setting, names, one_text, rendering

_OWN_VARIABLES = "JOBCTL_"


class CommandHandler(Handler):
    """Renders one argument list and runs it. Exit status 0 is success; the result is None."""

    enforces_deadline = True

    def __init__(self, spec: CommandSpec, surroundings: Surroundings) -> None:
        self._argv = [compile_text(argument, one_text) for argument in spec.argv]
        self._settings = {name: compile_setting(value, surroundings) for name, value in spec.env.items()}
        self._cwd = None if spec.cwd is None else compile_text(spec.cwd, one_text)
        self._folder = surroundings.folder
        # The worker's own settings may hold Redis's password: a job sees those that its attempt is given.
        self._inherited = {
            name: value for name, value in surroundings.env.items() if not name.startswith(_OWN_VARIABLES)
        }

    def __call__(self, attempt: Attempt) -> None:
        if attempt.cancel.cancelled:
            raise interruption(attempt)
        with rendering():
            known = names(attempt)
            argv = [checked(render(known)) for render in self._argv]
            env = self._environment(known, attempt.told())
            cwd = None if self._cwd is None else str(self._folder / checked(self._cwd(known)))
        try:
            ended = process.run(argv, env, cwd, attempt)
        except OSError as error:
            raise _not_started(error, argv[0], cwd) from error
        if ended.returncode != 0:
            raise _failure(ended, attempt)

    def _environment(self, known: Names, given: Mapping[str, str]) -> dict[str, str]:
        settings = {name: checked(render(known)) for name, render in self._settings.items()}
        return {**self._inherited, **settings, **given}


def build(spec: CommandSpec, surroundings: Surroundings) -> CommandHandler:
    """Compile the templates. Raises UsageError, TemplateProblem."""
    if not spec.argv or not spec.argv[0]:
        raise UsageError(f"job {surroundings.job_type}: the command is empty")
    if is_template(spec.argv[0]):
        raise UsageError(
            f"job {surroundings.job_type}: the program cannot be a template",
            "a payload must not choose what is run",
        )
    return CommandHandler(spec, surroundings)


def _failure(ended: process.Ended, attempt: Attempt) -> HandlerFailure:
    """The failure of a command that ran: "exit 64: last line of stderr", then the end of stderr."""
    told = attempt.scrub(ended.stderr_tail, front=len(ended.stderr_tail) >= process.TAIL)
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    last = f": {lines[-1][:500]}" if lines else " (nothing on stderr)"
    details = "\n" + told.strip() if len(lines) > 1 else ""
    if ended.returncode > 0:
        message = f"exit {ended.returncode}{last}{details}"
        return HandlerFailure("ExitCode", message, match=(f"exit:{ended.returncode}",))
    number = -ended.returncode
    name = signal_name(number)
    # The exit status is the one that a shell would show.
    return HandlerFailure("Signal", f"signal {name}{last}{details}", match=(f"signal:{name}", f"exit:{128 + number}"))


def _not_started(error: OSError, program: str, cwd: str | None) -> HandlerFailure:
    """Why a command did not start. A missing program may come with the next deploy: retryable."""
    reason = error.strerror or str(error)
    if cwd is not None and error.filename == cwd:
        return HandlerFailure("WorkingDirectory", f"cannot run in {cwd}: {reason}")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return HandlerFailure("CommandNotFound", f"program {program!r} not found", match=("exit:127",))
    if error.errno in (errno.EACCES, errno.ENOEXEC):
        return HandlerFailure("CommandNotExecutable", f"{program!r}: {reason}", match=("exit:126",))
    return HandlerFailure(
        "CommandNotStarted",
        f"{program!r}: {reason}",
        retryable=error.errno not in (errno.E2BIG, errno.EINVAL),
    )
