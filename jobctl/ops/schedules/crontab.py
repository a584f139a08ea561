"""A crontab as entries of a catalog: each line a `command` job and its schedule."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from jobctl.catalog.schedules import cron_problem
from jobctl.catalog.templates import is_template
from jobctl.catalog.ticks import SHORTHANDS

_SETTING = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_ZONES = ("CRON_TZ", "TZ")
_MAIL = ("MAILTO", "MAILFROM")
_INPUT = re.compile(r"(?<!\\)%")
_PARTS = re.compile(r"&&|\|\||;|[(){}]")
_PREPARING = ("cd", "test", "[", "[[", "export", "set", "umask", "sleep")
SYSTEM = Path("/etc/crontab")
SYSTEM_FOLDER = Path("/etc/cron.d")
LOCALTIME = Path("/etc/localtime")


class Imported(msgspec.Struct, frozen=True):
    """What a crontab became: jobs and schedules as the catalog has them, and what a person must know of its lines.

    `refused` are the lines that are not among them, as (line number, reason); `notes` concern those that are.
    """

    jobs: dict[str, Any]
    schedules: dict[str, Any]
    refused: list[tuple[int, str]]
    notes: list[tuple[int, str]]


class _Refused(Exception):
    """A line that cannot be a schedule, with the reason."""


def local_zone() -> str | None:
    """The name of this machine's time zone, which cron goes by; None if the machine does not say."""
    try:
        name = str(LOCALTIME.resolve()).partition("zoneinfo/")[2]
    except OSError:
        return None
    return name or None


def names_users(text: str, path: str) -> bool:
    """Whether a crontab is the system's, where each line names a user after the times: by its place, or because each
    command of it would begin with a user of this machine."""
    place = Path(path).absolute()
    if place == SYSTEM or place.parent == SYSTEM_FOLDER:
        return True
    commands = [words for line in text.splitlines() if (words := _command(line)) is not None]
    return bool(commands) and all(len(words) == 2 and _is_user(words[0]) for words in commands)


def _command(line: str) -> list[str] | None:
    """The first word after the times of a line, and the rest; None for a line without times."""
    stripped = line.strip()
    if not stripped or stripped.startswith("#") or _SETTING.fullmatch(stripped):
        return None
    times = 1 if stripped.startswith("@") else 5
    rest = stripped.split(None, times)[times:]
    return rest[0].split(None, 1) if rest else []


def _is_user(word: str) -> bool:
    import pwd

    try:
        pwd.getpwnam(word.partition(":")[0])  # FreeBSD: user:group
    except (KeyError, ValueError):
        return False
    return True


def read(text: str, zone: str, *, system: bool = False) -> Imported:
    """Read a crontab. `zone` is the zone of its times unless it names one; with `system` each line names a user, as in
    /etc/crontab."""
    out = Imported({}, {}, [], [])
    settings: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if setting := _SETTING.fullmatch(stripped):
            _set(out, settings, number, setting[1], _unquoted(setting[2]))
            continue
        try:
            _add(out, settings, number, stripped, zone, system=system)
        except _Refused as problem:
            out.refused.append((number, str(problem)))
    return out


def _set(out: Imported, settings: dict[str, str], number: int, name: str, value: str) -> None:
    settings[name] = value
    if name in _MAIL and value:
        out.notes.append((number, f"{name}: jobctl sends no mail; what a job prints is in `jobctl job logs`"))


def _unquoted(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value


def _add(out: Imported, settings: Mapping[str, str], number: int, line: str, zone: str, *, system: bool) -> None:
    cron, command = _split(line)
    if system:
        user, command = [*command.split(None, 1), "", ""][:2]
        out.notes.append((number, f"runs as the worker's user, not as {user}"))
    if not command:
        raise _Refused("there is no command")
    if problem := cron_problem(cron):
        raise _Refused(problem)
    if _INPUT.search(command):
        raise _Refused("text after % is input of the command, which a job does not have: write it into a script")
    command = command.replace("\\%", "%")
    if is_template(command):
        raise _Refused("the command has {{, {% or {#, which would be a template: put it into a script")
    name = _name(command, out.jobs)
    env = {key: value for key, value in settings.items() if key not in (*_ZONES, *_MAIL, "SHELL", "HOME")}
    handler: dict[str, Any] = {"args": [settings.get("SHELL", "/bin/sh"), "-c", command]}
    handler |= {"env": env} if env else {}
    handler |= {"cwd": settings["HOME"]} if "HOME" in settings else {}
    out.jobs[name] = {"command": handler, "retries": {"max": 0}}
    zone = next((settings[key] for key in _ZONES if settings.get(key)), zone)
    out.schedules[name] = {"job": name, "cron": cron, "timezone": zone}


def _split(line: str) -> tuple[str, str]:
    """The times and the rest of a line."""
    if line.startswith("@"):
        word, rest = [*line.split(None, 1), ""][:2]
        if word.lower() == "@reboot":
            raise _Refused("@reboot has no due time: let systemd start it")
        if word.lower() not in SHORTHANDS:
            raise _Refused(f"{word} is not known")
        return word.lower(), rest
    parts = line.split(None, 5)
    if len(parts) < 6:
        raise _Refused("expected five fields and a command")
    return " ".join(parts[:5]), parts[5]


def _name(command: str, taken: Mapping[str, Any]) -> str:
    """A job's name: the first program of the command that does something, numbered if that is taken."""
    parts = [[word for word in part.split() if "=" not in word] for part in _PARTS.split(command)]
    programs = [words[0] for words in parts if words and words[0] not in _PREPARING] or ["job"]
    program = programs[0].rpartition("/")[2].partition(".")[0].lower()
    base = re.sub(r"[^a-z0-9]+", "-", program).strip("-") or "job"
    name, number = base, 2
    while name in taken:
        name, number = f"{base}-{number}", number + 1
    return name
