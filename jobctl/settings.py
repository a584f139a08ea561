"""Settings: flags, then the environment, then the profile, then defaults. The only reader of os.environ."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jobctl import profiles
from jobctl.errors import UsageError
from jobctl.urls import check, redacted, split_password, unquoted_keys

DEFAULT_CATALOG = "jobs.yaml"
STATE_FOLDER = ".jobctl"
_SERVICE_VARIABLES = ("NOTIFY_SOCKET", "LISTEN_FDS", "WATCHDOG_USEC", "WATCHDOG_PID")
MAX_ID, MAX_TRACE = 120, 512
RUN_TOKEN = "run"
"""What JOBCTL_TOKEN is under `jobctl run`, where no job is kept that a log line could belong to."""
COMPLETE_VARIABLE = "_JOBCTL_COMPLETE"
MIN_INDEX_KEY = 16
"""Characters of the key of indexes of hidden values."""
MIN_DISTINCT = 8
"""Different ones among them."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What one invocation works with. `redis_url` never holds a password: see `redis_password`."""

    catalog_path: Path
    catalog_given: bool = False
    """Whether a person named the catalog; if so, its absence is an error even where it is optional."""
    redis_url: str | None = None
    """None means: the embedded server of this project, if it runs."""
    namespace: str | None = None
    """None means: the catalog's."""
    profile: str | None = None
    state_dir: Path = Path(STATE_FOLDER)
    cluster: bool = False
    read_only: bool = False
    production: bool = False
    require_reason: bool = False
    """Whether changes by hand need a --reason."""
    color: bool = True
    debug: bool = False
    parent_job: str | None = None
    """The job that this process runs for: what it enqueues are that job's children."""
    attempt: int = 0
    """The number of that job's attempt, 0 outside a job."""
    attempt_token: str | None = None
    trace: Mapping[str, str] = field(default_factory=dict)
    """`TRACEPARENT` and `TRACESTATE`, if they are given: the trace that this process is a part of."""
    """The reservation of that attempt; RUN_TOKEN under `jobctl run`."""
    config_dir: Path = Path("~/.config/jobctl")
    cache_dir: Path | None = None
    """Where what was read of a catalog is kept; None: nowhere."""
    password: str | None = field(default=None, repr=False)
    password_file: Path | None = None
    secret: str = field(default="", repr=False)
    secret_file: Path | None = None

    def index_key(self) -> bytes:
        """The secret key of indexes of values that are hidden; empty if there is none. Raises UsageError for a file
        that cannot be read, and for a key that can be guessed."""
        text, named = self.secret, False
        if not text and self.secret_file is not None:
            text, named = _read_secret(self.secret_file, "index key file"), True
        if (text or named) and (len(text) < MIN_INDEX_KEY or len({*text}) < MIN_DISTINCT):
            raise UsageError(
                f"the index key has {len(text)} characters, {len({*text})} of them different: it could be guessed",
                f"use at least {MIN_INDEX_KEY}, such as those of `openssl rand -hex 32`",
            )
        return text.encode()

    def redis_password(self) -> str | None:
        """The password, read from its file only now. Raises UsageError when the file cannot be read."""
        if self.password is not None or self.password_file is None:
            return self.password
        return _read_secret(self.password_file, "Redis password file")

    def shown_url(self) -> str:
        """The Redis URL for messages; never with a password."""
        return redacted(self.redis_url) if self.redis_url else "the embedded server"

    def child_environment(self, redis_url: str | None = None) -> dict[str, str]:
        """The variables with which a child process finds the same catalog and Redis.

        `redis_url` is the embedded server's, where `self.redis_url` is None.
        """
        password = self.redis_password()
        values = {
            "JOBCTL_CATALOG": str(self.catalog_path.absolute()) if self._has_catalog() else None,
            "JOBCTL_REDIS_URL": self.redis_url or redis_url,
            "JOBCTL_REDIS_PASSWORD": password,
            "JOBCTL_INDEX_KEY": self.index_key().decode() or None,
            "JOBCTL_NAMESPACE": self.namespace,
            "JOBCTL_PROFILE": self.profile,
            "JOBCTL_STATE_DIR": str(self.state_dir.absolute()),
            "JOBCTL_CLUSTER": "1" if self.cluster else None,
        }
        return {name: value for name, value in values.items() if value is not None}

    def _has_catalog(self) -> bool:
        return self.catalog_given or self.catalog_path.exists()


def resolve(
    *,
    catalog: str | None = None,
    redis: str | None = None,
    namespace: str | None = None,
    profile: str | None = None,
    state_dir: str | None = None,
    no_color: bool = False,
    debug: bool = False,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Settings from flags (the arguments), the environment, the profile and defaults, in this order.

    Raises UsageError: a password in the flag, a URL that cannot be used, an unknown profile, a bad profile
    file. `environ` is os.environ unless a test gives its own.
    """
    env = {key: value for key, value in (os.environ if environ is None else environ).items() if value}
    folder = config_dir(env)
    chosen = _profile(folder, profile or env.get("JOBCTL_PROFILE"))
    named = catalog or env.get("JOBCTL_CATALOG") or chosen.catalog
    catalog_path = Path(named or DEFAULT_CATALOG)
    url, password, password_file = _redis(redis, env, chosen)
    state = state_dir or env.get("JOBCTL_STATE_DIR")
    return Settings(
        catalog_path=catalog_path,
        catalog_given=named is not None,
        redis_url=url,
        namespace=namespace or env.get("JOBCTL_NAMESPACE") or chosen.namespace,
        profile=chosen.name or None,
        state_dir=Path(state) if state else catalog_path.parent / STATE_FOLDER,
        cluster=chosen.cluster or env.get("JOBCTL_CLUSTER") == "1",
        read_only=chosen.read_only,
        production=chosen.production,
        require_reason=chosen.require_reason,
        color=not no_color and "NO_COLOR" not in env and env.get("TERM") != "dumb",
        debug=debug or debugging(env),
        parent_job=env.get("JOBCTL_JOB_ID", "")[:MAX_ID] or None,
        attempt=int(number) if (number := env.get("JOBCTL_ATTEMPT", "")).isdecimal() and len(number) < 10 else 0,
        attempt_token=env.get("JOBCTL_TOKEN", "")[:MAX_ID] or None,
        trace={name: env[name][:MAX_TRACE] for name in ("TRACEPARENT", "TRACESTATE") if name in env},
        config_dir=folder,
        cache_dir=_xdg(env, "XDG_CACHE_HOME", ".cache"),
        password=password,
        password_file=password_file,
        secret=env.get("JOBCTL_INDEX_KEY", ""),
        secret_file=Path(named) if (named := env.get("JOBCTL_INDEX_KEY_FILE") or chosen.index_key_file) else None,
    )


def _read_secret(path: Path, what: str) -> str:
    try:
        return path.read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not text"
        raise UsageError(f"cannot read the {what} {path}: {why}") from error


def config_dir(environ: Mapping[str, str] | None = None) -> Path:
    """The folder of a person's own configuration, by the XDG base directory rules."""
    return _xdg(os.environ if environ is None else environ, "XDG_CONFIG_HOME", ".config")


def _xdg(env: Mapping[str, str], variable: str, default: str) -> Path:
    base = env.get(variable)
    root = Path(base) if base and Path(base).is_absolute() else Path.home() / default
    return root / "jobctl"


def debugging(environ: Mapping[str, str] | None = None) -> bool:
    """Whether JOBCTL_DEBUG asks for tracebacks."""
    env = os.environ if environ is None else environ
    return env.get("JOBCTL_DEBUG", "") not in ("", "0")


def completing() -> bool:
    """Whether a shell asks for completions, by calling the program with its special variable."""
    return COMPLETE_VARIABLE in os.environ


def answer_in_long_lines() -> None:
    """Stop Typer's completions from wrapping their help (with Rich): a shell reads one answer per line."""
    os.environ["COLUMNS"] = "10000"


def show_no_colors() -> None:
    """Tell Textual, which reads the environment, that the screen gets no colours."""
    os.environ["NO_COLOR"] = "1"


def environment() -> dict[str, str]:
    """A copy of this process's environment, for starting another."""
    return dict(os.environ)


def job_environment() -> dict[str, str]:
    """What a worker's jobs inherit: this environment, with our own program to be found and systemd's socket not."""
    env = environment()
    for name in _SERVICE_VARIABLES:
        env.pop(name, None)
    beside = str(Path(sys.executable).parent)
    paths = env.get("PATH", os.defpath).split(os.pathsep)
    env["PATH"] = os.pathsep.join(paths if beside in paths else [*paths, beside])
    return env


def notify_socket() -> tuple[str | None, int | None]:
    """Where systemd wants to hear of readiness, and within how many microseconds of life (sd_notify(3))."""
    address, _, micros, pid = (os.environ.get(name, "") for name in _SERVICE_VARIABLES)
    wanted = micros.isdigit() and int(micros) > 0 and pid in ("", str(os.getpid()))
    return address or None, int(micros) if wanted else None


def login_shell() -> str:
    """The name of the person's shell (`bash`, `zsh`, `fish`), or ''."""
    return Path(os.environ.get("SHELL", "")).name


def _profile(folder: Path, name: str | None) -> profiles.Profile:
    wanted = name or profiles.current_in(folder)
    return profiles.find(folder, wanted) if wanted else profiles.Profile(name="")


def _redis(
    flag: str | None, env: Mapping[str, str], profile: profiles.Profile
) -> tuple[str | None, str | None, Path | None]:
    """URL, password, password file. A profile's password file only ever goes to the profile's own URL."""
    if flag is not None:
        refuse_password(flag)
    source = flag or env.get("JOBCTL_REDIS_URL") or profile.redis_url
    if source is None:
        return None, None, None
    url, inside = split_password(source)
    own = env.get("JOBCTL_REDIS_PASSWORD_FILE")
    if "JOBCTL_REDIS_PASSWORD" in env:
        return url, env["JOBCTL_REDIS_PASSWORD"], None
    if own:
        return url, None, Path(own)
    if inside is not None:
        return url, inside, None
    from_profile = profile.redis_password_file if source == profile.redis_url else None
    return url, None, Path(from_profile) if from_profile else None


def refuse_password(url: str) -> None:
    """Refuse a URL of the command line that holds a password: everyone on the machine can read it in `ps`."""
    check(url)
    if redacted(url) != unquoted_keys(url):
        raise UsageError(
            "do not pass a Redis password on the command line: every user of the machine can read it",
            "set JOBCTL_REDIS_URL, JOBCTL_REDIS_PASSWORD or JOBCTL_REDIS_PASSWORD_FILE",
        )
