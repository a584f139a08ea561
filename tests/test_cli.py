"""The command line's frame: exit codes, streams, help and what a command imports."""

from __future__ import annotations

import inspect
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jobctl.cli.context import Context
from jobctl.cli.main import report
from jobctl.cli.parse import shells
from jobctl.cli.parse.options import command
from jobctl.cli.parse.tree import load
from jobctl.cli.registry import COMMANDS, PANELS, Entry, Group
from jobctl.engine.server.embedded import EmbeddedServer
from jobctl.errors import RedisUnavailable, UsageError, WaitTimeout
from jobctl.settings import Settings, resolve
from tests.support import PATIENCE_S, Cli

ENTRIES = [
    (" ".join(path), entry)
    for top in COMMANDS
    for path, entry in (
        [((top.name,), top)] if isinstance(top, Entry) else [((top.name, entry.name), entry) for entry in top.commands]
    )
]


@pytest.mark.parametrize(("path", "entry"), ENTRIES, ids=[path for path, _ in ENTRIES])
def test_every_entry_of_the_table_loads_and_its_help_is_its_docstring(path: str, entry: Entry) -> None:
    group = path.split()[0] if " " in path else ""
    assert (inspect.getdoc(load(entry, group)) or "").splitlines()[0] == entry.help, path


def test_every_command_stands_in_a_known_panel() -> None:
    assert {top.panel for top in COMMANDS} <= set(PANELS)
    assert all(not entry.panel for top in COMMANDS if isinstance(top, Group) for entry in top.commands)


def test_help_lists_every_command_and_imports_none(cli: Cli) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "jobctl", "--help"],
        env=cli.env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert all(f"  {top.name} " in done.stdout for top in COMMANDS)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    heavy = {"redis", "rich", "dramatiq", "apscheduler", "yaml", "msgspec", "pydantic", "jinja2"}
    assert not heavy & imported
    assert not [name for name in imported if name.startswith("jobctl.cli.commands.")]


@pytest.mark.parametrize("args", [("version",), ("profile", "show"), ("validate", "--help")])
def test_a_command_imports_neither_pydantic_nor_rich_nor_engines(cli: Cli, args: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "jobctl", *args],
        env=cli.env,
        cwd=cli.cwd,
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not {"redis", "rich", "dramatiq", "apscheduler", "pydantic"} & imported


def test_version(cli: Cli) -> None:
    assert cli("version").out.startswith("jobctl ")
    assert cli("version", "-o", "json").json().keys() == {"version"}
    assert cli("--version").out == cli("version").out


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("enqeue",), "no such command: jobctl enqeue"),
        (("profile", "lss"), "did you mean jobctl profile ls?"),
        (("retry", "x"), "no such command: jobctl retry; did you mean jobctl job retry or jobctl dead retry?"),
        (
            ("pause",),
            "jobctl pause; did you mean jobctl queue pause or jobctl schedule pause or jobctl op pause?",
        ),
        (("dead", "list"), "did you mean jobctl dead ls?"),
        (("fly",), "no such command: jobctl fly; see jobctl --help"),
        (("version", "--nonsense"), "no such option: --nonsense; see jobctl version --help"),
        (("queue", "ls", "--limit", "3"), "no such option: --limit; see jobctl queue ls --help"),
        (("dead", "retry", "--group", "--yes"), "--group lacks its value: --yes is an option; write --group=--yes if"),
        (("job", "ls", "-o", "--limit", "5"), "-o lacks its value: --limit is an option"),
        (("enqueue", "--dealy", "5m", "x"), "no such option: --dealy; did you mean --delay?"),
        (("job", "ls", "--state", "dead"), "no such option: --state; did you mean the filter state:…?"),
        (("version", "extra"), "unexpected extra argument"),
        (("version", "-o", "xml"), "'xml' is not one of table, json, jsonl, yaml, name"),
        (("version", "--redis", "redis://:secret@h"), "do not pass a Redis password on the command line"),
        (("version", "--redis", "http://h"), "cannot begin with http://"),
        (("version", "--profile", "none"), "no profile 'none'"),
        (("completion", "show", "tcsh"), "'tcsh' is not one of bash, zsh, fish"),
        (("profile", "use"), "pass a profile name"),
        (("-o", "json", "version"), "no such option: -o; options come after the command"),
        (("enqueue", "a", "--wait", "--timeout", "5x"), "--timeout: expected a duration"),
        (("job", "wait", "a", "--timeout", "5x"), "--timeout: expected a duration"),
    ],
)
def test_wrong_usage_is_one_line_on_stderr_and_exit_2(cli: Cli, args: tuple[str, ...], says: str) -> None:
    ran = cli(*args)
    assert ran.code == 2
    assert ran.out == ""
    assert says in ran.err
    assert ran.err.startswith("jobctl: ")
    assert ran.err.count("\n") == 1
    assert "secret" not in ran.err


def test_nothing_configured_says_what_to_do(tmp_path: Path) -> None:
    ctx = Context(resolve(state_dir=str(tmp_path / "s"), environ={"XDG_CONFIG_HOME": str(tmp_path)}))
    with pytest.raises(RedisUnavailable) as caught:
        ctx.redis_url()
    assert str(caught.value.message) == "no Redis is configured, and no embedded server is running"
    assert caught.value.hint == "start `jobctl up` or set JOBCTL_REDIS_URL"


def test_the_embedded_server_is_found(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "s", durable=False) as server:
        settings = resolve(state_dir=str(tmp_path / "s"), environ={"XDG_CONFIG_HOME": str(tmp_path)})
        assert Context(settings).redis_url() == server.url


def test_the_namespace_falls_back_from_settings_to_catalog_to_default(tmp_path: Path) -> None:
    catalog = tmp_path / "jobs.yaml"
    assert Context(Settings(catalog)).namespace() == "jobctl"
    catalog.write_text("version: 1\nnamespace: shop\njobs:\n  a: {command: ['true']}\n")
    assert Context(Settings(catalog)).namespace() == "shop"
    assert Context(Settings(catalog, namespace="mine")).namespace() == "mine"


def test_a_named_catalog_that_is_missing_is_an_error_even_where_it_is_optional(tmp_path: Path) -> None:
    assert Context(Settings(tmp_path / "none.yaml")).catalog_if_any() is None
    with pytest.raises(UsageError):
        Context(Settings(tmp_path / "none.yaml", catalog_given=True)).catalog_if_any()


def test_errors_carry_their_exit_code_and_unknown_ones_are_internal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert report(WaitTimeout("still running", "wait longer")) == 6
    assert report(ValueError("two\nlines")) == 1
    assert report(OSError(28, "No space left on device", "/x")) == 1
    assert capsys.readouterr().err.splitlines() == [
        "jobctl: still running; wait longer",
        "jobctl: internal error: ValueError: two lines; JOBCTL_DEBUG=1 shows where",
        "jobctl: /x: No space left on device",
    ]


def test_a_traceback_only_when_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    report(ValueError("x"))
    assert "Traceback" not in capsys.readouterr().err
    report(ValueError("x"), debug=True)
    assert "ValueError: x" in capsys.readouterr().err


def test_a_redis_error_that_escapes_a_command_becomes_exit_3(monkeypatch: pytest.MonkeyPatch) -> None:
    import redis

    monkeypatch.setenv("JOBCTL_REDIS_URL", "redis://:hush@host/0")

    @command
    def broken(ctx: Context) -> None:
        raise redis.ConnectionError("Connection refused")

    with pytest.raises(RedisUnavailable, match="redis://host/0 cannot be reached"):
        broken(**_defaults())


def test_a_redis_that_is_away_is_named_although_the_store_does_not_know_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"unix://{tmp_path}/none.sock"
    monkeypatch.setenv("JOBCTL_REDIS_URL", url)

    @command
    def pings(ctx: Context) -> None:
        from jobctl.store.wire.connection import mapping

        with mapping():
            ctx.store().client.ping()

    with pytest.raises(RedisUnavailable) as caught:
        pings(**_defaults())
    assert caught.value.message.startswith(f"{url} cannot be reached")


def _defaults() -> dict[str, object]:
    from jobctl.cli.parse.options import _COMMON

    return {name: default for name, (_, default) in _COMMON.items()}


RUN = """
import sys
from jobctl.cli import main
main._run = lambda args: exec(sys.argv[1], {"sys": sys})
sys.exit(main.main([]))
"""


def test_a_reader_that_goes_away_ends_the_command_quietly(cli: Cli) -> None:
    code = "for _ in range(100000): sys.stdout.write('x' * 100)"
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=cli.env
    )
    assert process.stdout is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait(PATIENCE_S) == 141


def test_a_full_disk_under_stdout_is_not_success(cli: Cli) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            cli.command("version"), stdout=full, stderr=subprocess.PIPE, text=True, env=cli.env, check=False
        )
    assert done.returncode == 1
    assert done.stderr == "jobctl: No space left on device\n"


def test_an_interrupt_is_one_line_and_130(cli: Cli) -> None:
    code = "import time; sys.stdout.write('ready'); sys.stdout.flush(); time.sleep(30)"
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=cli.env
    )
    assert process.stdout is not None
    assert process.stdout.read(5) == b"ready"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (130, b"jobctl: interrupted\n")


def test_words_go_to_stderr_and_quiet_silences_them(cli: Cli) -> None:
    ran = cli("profile", "ls")
    assert (ran.out, ran.code) == ("", 0)
    assert "no profiles" in ran.err
    assert cli("profile", "ls", "-q").err == ""
    assert cli("profile", "ls", "-o", "json").out == "[]\n"


def test_colours_only_on_a_terminal_and_not_with_no_color(cli: Cli) -> None:
    config = cli.cwd / ".config" / "jobctl"
    config.mkdir(parents=True)
    (config / "profiles.yaml").write_text("profiles: {p: {namespace: x}}\n")
    assert "\x1b" in on_a_terminal(cli, "profile", "ls")
    assert "\x1b" not in on_a_terminal(cli, "profile", "ls", "--no-color")
    assert "\x1b" not in on_a_terminal(cli, "profile", "ls", NO_COLOR="1")
    assert "\x1b" not in cli("profile", "ls").out


def on_a_terminal(cli: Cli, *args: str, **env: str) -> str:
    """What the command writes when stdout is a terminal."""
    master, slave = pty.openpty()
    subprocess.run(cli.command(*args), stdout=slave, cwd=cli.cwd, env=cli.env | {"TERM": "xterm"} | env, check=True)
    os.close(slave)
    text = os.read(master, 65536).decode()
    os.close(master)
    return text


def test_a_profile_is_used_until_told_otherwise(cli: Cli) -> None:
    config = cli.cwd / ".config" / "jobctl"
    config.mkdir(parents=True)
    (config / "profiles.yaml").write_text("profiles:\n  live: {redis_url: 'redis://:hush@h/1', production: true}\n")
    assert cli("profile", "use", "live").code == 0
    shown = cli("profile", "show", "-o", "json")
    assert "hush" not in shown.out
    assert shown.json()["name"] == "live"
    assert "hush" not in cli("profile", "ls", "-o", "yaml").out
    assert cli("profile", "use", "--none").code == 0
    assert cli("profile", "show", "-o", "json").json()["name"] is None
    assert cli("profile", "use", "liv").code == 2


def test_init_writes_a_catalog_that_is_valid_and_refuses_to_overwrite(cli: Cli) -> None:
    assert cli("init").code == 0
    valid = cli("validate", "--import")
    assert (valid.code, valid.out) == (0, "")
    assert "is valid: " in valid.err
    again = cli("init")
    assert again.code == 5
    assert "--force" in again.err
    assert cli("init", "--force").code == 0


def test_validate_reports_every_problem_for_people_and_for_programs(cli: Cli) -> None:
    (cli.cwd / "jobs.yaml").write_text("version: 1\njobs:\n  a: {pyton: x}\n  b: {python: 3}\n")
    ran = cli("validate")
    assert (ran.code, ran.out) == (2, "")
    assert any(line.startswith("jobs.yaml:3:") and "python" in line for line in ran.err.splitlines())
    assert any(line.startswith("jobs.yaml:4:") for line in ran.err.splitlines())
    machine = cli("validate", "-o", "json")
    assert machine.code == 2
    assert {problem["line"] for problem in machine.json()} == {3, 4}
    assert cli("validate", "none.yaml").code == 2
    assert json.loads(cli("validate", "--schema").out)["type"] == "object"


@pytest.mark.parametrize("name", shells.NAMES)
def test_the_completions_folder_equals_what_is_generated(cli: Cli, name: str) -> None:
    shipped = Path(__file__).parent.parent / "completions" / shells.FILE_NAMES[name]
    assert cli("completion", "show", name).out == shipped.read_text()


def test_completion_installs_where_the_shell_looks(cli: Cli) -> None:
    for name in shells.NAMES:
        assert cli("completion", "install", name).code == 0
    assert (cli.cwd / ".local/share/bash-completion/completions/jobctl").exists()


def completions(cli: Cli, line: str) -> list[str]:
    words = line.split(" ")
    env = {
        "_JOBCTL_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    return cli(env=env).out.split()


def test_a_shell_is_offered_commands_and_options(cli: Cli) -> None:
    assert completions(cli, "jobctl vers") == ["version"]
    assert completions(cli, "jobctl profile ") == ["ls", "use", "show"]
    assert "--namespace" in completions(cli, "jobctl version --na")
    assert completions(cli, "jobctl completion show z") == ["zsh"]
    assert completions(cli, "jobctl nonsense x") == []


def test_a_shell_reads_each_help_in_one_line_however_narrow_the_terminal(cli: Cli) -> None:
    shell = {"_JOBCTL_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "jobctl job retry --", "COLUMNS": "30"}
    first, *others = cli(env=cli.env | shell).out.splitlines()
    assert first.startswith("_arguments")
    assert others
    assert all(line.startswith('"--') for line in others)


def test_live_completion_offers_the_catalogs_names_and_is_silent_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jobctl.cli.parse import complete

    monkeypatch.chdir(tmp_path)
    assert complete.job_types(None, "") == []
    Path("jobs.yaml").write_text("version: 1\njobs:\n  send-email: {command: ['true'], queue: email}\n")
    assert complete.job_types(None, "send") == ["send-email"]
    assert complete.queues(None, "e") == ["email"]
    Path("jobs.yaml").write_text("}{")
    assert complete.job_types(None, "") == []


@pytest.mark.parametrize(
    ("args", "usage"),
    [
        (("job", "show"), "jobctl job show [OPTIONS] ID…"),
        (("job", "ls"), "jobctl job ls [OPTIONS] [FILTER]…"),
        (("enqueue",), "jobctl enqueue [OPTIONS] [TYPE] [KEY=TEXT | KEY:=JSON | KEY=@FILE]…"),
        (("init",), "jobctl init [OPTIONS] [FOLDER]"),
    ],
)
def test_help_speaks_of_arguments_as_people_type_them(cli: Cli, args: tuple[str, ...], usage: str) -> None:
    told = cli(*args, "--help").out
    assert told.splitlines()[0] == f"Usage: {usage}"
    assert "list[str]" not in told
    assert "int range" not in told


def test_a_commands_help_shows_its_own_options_and_names_the_common_ones_in_one_line(cli: Cli) -> None:
    from jobctl.cli.parse.options import _COMMON
    from jobctl.cli.parse.tree import COMMON_HELP

    told, root = cli("job", "retry", "--help").out, cli("--help").out
    assert "Print only errors to stderr." not in told
    assert " ".join(told.split()).endswith("-q, -v (see jobctl --help)")
    assert "--dry-run" in told
    assert all(text in root for text in COMMON_HELP.values())
    assert [annotation.__metadata__[0].help for annotation, _ in _COMMON.values()] == list(COMMON_HELP.values())
