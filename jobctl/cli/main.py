"""The entry point: runs a command, and turns whatever comes out of it into one line and an exit code."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import Any

from jobctl import settings
from jobctl.errors import INTERRUPTED, JobctlError

BROKEN_PIPE = 141
"""What a shell reports for a program that SIGPIPE ended: `jobctl job ls | head` was cut short."""

SUMMARY = """Operate background jobs: enqueue, inspect, explain and repair.

Run `jobctl COMMAND --help` for a command's own options.

Example: jobctl enqueue send-email to=ada@example.com --wait"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; nothing but SystemExit of Python itself comes out."""
    args = list(sys.argv[1:] if argv is None else argv)
    _prepare_streams()
    try:
        code = _run(args)
        sys.stdout.flush()
    except BrokenPipeError:
        code = BROKEN_PIPE
    except KeyboardInterrupt:
        code = INTERRUPTED
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
        if isinstance(error.__context__, BrokenPipeError):  # click makes this of it
            code = BROKEN_PIPE
    except BaseException as error:  # noqa: BLE001 - the one place where every error ends
        code = report(error, debug=settings.debugging() or "-vv" in args)
    if code == INTERRUPTED:
        _complain("interrupted")
    return code if _close_streams() else (code or 1)


def _run(args: list[str]) -> int:
    from jobctl.cli.parse.tree import LazyGroup
    from jobctl.cli.registry import COMMANDS

    root = LazyGroup("jobctl", COMMANDS, SUMMARY)
    if settings.completing():
        return _complete(root)
    if args in (["--version"], ["-V"]):
        args = ["version"]
    result = root.main(args=args or ["--help"], prog_name="jobctl", standalone_mode=False)
    return result if isinstance(result, int) else 0


def _complete(root: Any) -> int:
    """Answer a shell. Whatever goes wrong, the shell sees no completions rather than noise."""
    from typer.completion import get_completion_inspect_parameters

    try:
        get_completion_inspect_parameters()  # registers Typer's shells
        settings.answer_in_long_lines()
        root.main(args=[], prog_name="jobctl", complete_var=settings.COMPLETE_VARIABLE)
    except Exception:  # noqa: BLE001 - see above
        return 1
    return 0


def report(error: BaseException, *, debug: bool = False) -> int:
    """Say on stderr what went wrong, in one line (a catalog: one a problem), and return the exit code."""
    if debug:
        import traceback

        traceback.print_exception(error)
    if isinstance(error, JobctlError):
        problems = getattr(error, "problems", ())
        for problem in problems:
            _complain(str(problem), prefix="")  # editors read `file:line:column:` at the line's start
        if not problems:
            _complain(f"{error.message}; {error.hint}" if error.hint else error.message)
        for line in getattr(error, "excerpt", ()):
            _complain(line, prefix="  ")
        return error.exit_code
    if _is_usage_error(error):
        return _report_usage(error)
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        _complain(f"{place}{error.strerror or error}")
        return 1
    what = " ".join(str(error).split()) or "no message"
    _complain(f"internal error: {type(error).__name__}: {what}; JOBCTL_DEBUG=1 shows where")
    return 1


def _is_usage_error(error: BaseException) -> bool:
    import typer

    return isinstance(error, typer.TyperException | typer.Abort)


def _report_usage(error: BaseException) -> int:
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(f"{error}\n")
        return 2
    if type(error).__name__ == "Abort":
        return INTERRUPTED
    _complain("; ".join(filter(None, (_usage_problem(error), _usage_hint(error, context)))))
    return getattr(error, "exit_code", 2)


def _usage_problem(error: BaseException) -> str:
    wrong = getattr(error, "option_name", None) if type(error).__name__ == "NoSuchOption" else None
    told = f"no such option: {wrong}" if wrong else getattr(error, "format_message", error.__str__)()
    what = " ".join(told.rstrip(".").split())
    return what[:1].lower() + what[1:]


def _usage_hint(error: BaseException, context: Any) -> str:
    if context is None:
        return ""
    if type(error).__name__ == "NoSuchOption":
        from jobctl.cli.parse import near

        if hasattr(context.command, "entries"):
            return f"options come after the command; see {context.command_path} --help"
        wrong = getattr(error, "option_name", "")
        if meant := near.option(wrong, context.command.get_params(context)):
            return f"did you mean {meant}?"
    return f"see {context.command_path} --help"


def _complain(text: str, prefix: str = "jobctl: ") -> None:
    """One line on stderr; a stderr that is gone is no reason to fail."""
    from jobctl.text import sanitize

    try:
        sys.stderr.write(f"{prefix}{sanitize(text, limit=4000)}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        pass


def _prepare_streams() -> None:
    """A locale that cannot show a character must not end the command; what programs read is UTF-8."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            encoding = stream.encoding if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="backslashreplace")


def _close_streams() -> bool:
    """Write out what is left; Python would complain at its end about a reader that is gone. False if lost."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        return False
    return True
