"""The error tree. Every error says what happened and what to do, and carries the exit code it becomes."""

from __future__ import annotations

INTERRUPTED = 130
"""The exit code of what a person ended with Ctrl-C."""


class JobctlError(Exception):
    """Base of everything jobctl raises on purpose.

    `message` says what and why, in one line; `hint` says what to do, or is empty.
    `exit_code` is the process's exit code when the error reaches the command line.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class OperationFailed(JobctlError):
    """The operation failed, or was only partly done."""

    exit_code = 1


class UsageError(JobctlError):
    """A wrong argument, an unknown name, a payload that does not fit its schema."""

    exit_code = 2


class RedisUnavailable(JobctlError):
    """Redis cannot be reached, or refused the command (out of memory, read-only, no permission)."""

    exit_code = 3


class RedisForbidden(RedisUnavailable):
    """The Redis user may not do this."""


class RedisFull(RedisUnavailable):
    """Redis is at its `maxmemory` and refuses what would need more."""


class WrongKind(RedisUnavailable):
    """A key holds another type of value than jobctl keeps there."""

    def __init__(self, key: str = "", what: str = "has the wrong type") -> None:
        hint = "`jobctl doctor` names such keys; move them away with RENAME, or use another --namespace"
        super().__init__(f"the key {key} {what}" if key else f"a key of this namespace {what}", hint)


class OtherLayout(RedisUnavailable):
    """The namespace was written by another version of jobctl, in a layout that this one does not know.

    To a process that runs it is as if Redis refused: what it holds stays where it is.
    """

    exit_code = 2


class NothingMatched(JobctlError):
    """The id or the filter matched nothing."""

    exit_code = 4


class Refused(JobctlError):
    """Refused for safety: needs `--yes`, is above `--max`, or the state does not allow it."""

    exit_code = 5


class WaitTimeout(JobctlError):
    """The wait timed out; the job continues."""

    exit_code = 6


class JobDied(JobctlError):
    """The job you waited for died or was cancelled."""

    exit_code = 7


class Conflict(JobctlError):
    """Refused by uniqueness (`on_conflict: fail`). `holder` is the id of the job that holds the key."""

    exit_code = 8

    def __init__(self, message: str, hint: str = "", holder: str = "") -> None:
        super().__init__(message, hint)
        self.holder = holder
