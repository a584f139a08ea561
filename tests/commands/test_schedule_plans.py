"""`jobctl schedule calendar` and `import`, and what `validate` warns of."""

from __future__ import annotations

import json
import os
import pwd
from pathlib import Path

import pytest

from jobctl.catalog.load import load_text
from jobctl.ops.schedules.calendar import calendar
from jobctl.ops.schedules.crontab import names_users, read
from tests.support import Cli

DAY = 1_796_083_200_000
"""2026-12-01T00:00Z, a Tuesday."""
HOUR = 3_600_000
CATALOG = """\
version: 1
jobs: {a: {command: [echo]}}
schedules:
  nightly: {job: a, cron: "0 2 * * *"}
  weekdays: {job: a, cron: "0 2 * * mon-fri"}
  often: {job: a, every: 10m}
"""
CRONTAB = """\
# comment
SHELL=/bin/bash
MAILTO=ops@example.com
GREETING = "good morning"
0 9 * * 1-5 /opt/bin/report.sh --day "$(date +\\%F)"
@reboot /opt/bin/boot
@daily /opt/bin/report.sh
30 2 31 2 * never
10 4 * * * cat > /tmp/x % hello
15 3 * * * echo {{ x }}
9 9 * *
CRON_TZ=Asia/Tokyo
15 3 1 * * vacuum
"""


def test_a_calendar_counts_the_ticks_of_each_part_and_the_crowded_minutes() -> None:
    schedules = list(load_text(CATALOG, "c").schedules.values())
    found = calendar(None, schedules, DAY, HOUR, 24)
    counts = {row.schedule: row.counts for row in found.rows}
    assert counts["nightly"] == [int(hour == 2) for hour in range(24)]
    assert counts["often"] == [6] * 24
    [worst, *_] = found.piles
    assert (worst.at.hour, worst.at.minute, worst.schedules) == (2, 0, ["nightly", "weekdays", "often"])


def test_a_calendar_shows_a_tick_a_second_to_the_end_of_the_day_and_crowded_minutes_to_come() -> None:
    catalog = (
        "version: 1\njobs: {a: {command: [echo]}}\nschedules:\n  s: {job: a, every: 1s}\n  m: {job: a, every: 1m}\n"
        "  h: {job: a, every: 1h}\n  i: {job: a, every: 1h}\n"
    )
    schedules = list(load_text(catalog, "c").schedules.values())
    found = calendar(None, schedules, DAY, HOUR // 2, 48, now_ms=DAY + HOUR)
    assert [row.counts for row in found.rows][:2] == [[1800] * 48, [30] * 48]
    assert (found.piles[0].at.hour, found.piles[0].schedules) == (1, ["h", "i"])


def test_what_is_due_in_every_minute_crowds_none() -> None:
    text = CATALOG.replace("every: 10m", "every: 10s") + "  busy: {job: a, every: 1s}\n"
    found = calendar(None, list(load_text(text, "c").schedules.values()), DAY, HOUR, 24)
    assert [pile.schedules for pile in found.piles] == [["nightly", "weekdays"]]


@pytest.mark.parametrize("args", [(), ("--week",), ("--timezone", "Asia/Tokyo")])
def test_the_calendar_is_drawn_without_redis(cli: Cli, args: tuple[str, ...]) -> None:
    (cli.cwd / "jobs.yaml").write_text(CATALOG)
    ran = cli("schedule", "calendar", *args, "--redis", "unix:///nowhere.sock")
    assert ran.code == 0
    assert "Redis does not answer" in ran.err
    lines = ran.out.splitlines()
    assert [line.split()[0] for line in lines[1:5]] == ["nightly", "weekdays", "often", "ALL"]
    assert max(map(len, lines)) <= 80


def test_a_crontab_becomes_a_catalog_that_is_valid(cli: Cli) -> None:
    (cli.cwd / "crontab").write_text(CRONTAB)
    ran = cli("schedule", "import", "crontab", "--timezone", "Europe/Berlin")
    assert ran.code == 1
    catalog = load_text(ran.out, "imported")
    assert {name: (one.cron, one.timezone) for name, one in catalog.schedules.items()} == {
        "report": ("0 9 * * 1-5", "Europe/Berlin"),
        "report-2": ("@daily", "Europe/Berlin"),
        "vacuum": ("15 3 1 * *", "Asia/Tokyo"),
    }
    for line, why in ((6, "@reboot"), (8, "never fires"), (9, "input"), (10, "template"), (11, "five fields")):
        assert any(text.startswith(f"crontab:{line}: not imported: ") and why in text for text in ran.err.splitlines())
    assert "crontab:3: MAILTO" in ran.err


def test_a_line_keeps_its_shell_environment_and_percent_signs() -> None:
    job = read(CRONTAB, "UTC").jobs["report"]["command"]
    assert job["args"] == ["/bin/bash", "-c", '/opt/bin/report.sh --day "$(date +%F)"']
    assert job["env"] == {"GREETING": "good morning"}


def test_a_system_crontab_names_users() -> None:
    found = read("5 4 * * * root /usr/sbin/run-it now\n", "UTC", system=True)
    assert found.jobs["run-it"]["command"]["args"][-1] == "/usr/sbin/run-it now"
    assert "not as root" in found.notes[0][1]


def test_an_import_for_programs_is_the_catalog_or_its_names(cli: Cli) -> None:
    (cli.cwd / "crontab").write_text(CRONTAB)
    plain = cli("schedule", "import", "crontab", "--no-system").out
    found = json.loads(cli("schedule", "import", "crontab", "--no-system", "-o", "json").out)
    assert load_text(json.dumps(found), "c").schedules == load_text(plain, "c").schedules
    assert cli("schedule", "import", "crontab", "--no-system", "-o", "name").out.split() == list(found["schedules"])


def users(*names: str) -> str:
    return "".join(f"5 4 * * *\t{name}\t/usr/sbin/run-it now\n" for name in names)


ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.mark.parametrize(
    ("text", "path", "is_the_systems"),
    [
        (users("root", ME), "mycrontab", True),
        (f"@daily\t{ME} date", "-", True),
        (users("root", "no-such-user-here"), "mycrontab", False),
        (users("no-such-user-here"), "/etc/crontab", True),
        (users("no-such-user-here"), "/etc/cron.d/report", True),
        ("5 4 * * * root", "mycrontab", False),
        ("5 4 * * * python3 /opt/x.py", "mycrontab", False),
        ("# root\nA=b c\n", "mycrontab", False),
    ],
)
def test_a_system_crontab_is_known_by_its_place_or_its_users(text: str, path: str, is_the_systems: bool) -> None:
    assert names_users(text, path) is is_the_systems


def test_an_import_says_what_it_took_the_crontab_for_and_how_to_change_that(cli: Cli) -> None:
    (cli.cwd / "crontab").write_text(f"PATH=/bin\n{users('root')}")
    ran = cli("schedule", "import", "crontab")
    assert "taken as a system crontab" in ran.err
    assert "--no-system" in ran.err
    assert load_text(ran.out, "imported").schedules.keys() == {"run-it"}
    ran = cli("schedule", "import", "crontab", "--no-system")
    assert "taken as" not in ran.err
    assert load_text(ran.out, "imported").schedules.keys() == {"root"}
    (cli.cwd / "crontab").write_text("5 4 * * * cd /srv/app && ./bin/report.sh\n")
    ran = cli("schedule", "import", "crontab")
    assert "use --system if its lines name a user" in ran.err
    assert load_text(ran.out, "imported").schedules.keys() == {"report"}


def test_an_import_of_nothing_fails(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    assert cli("schedule", "import", str(tmp_path / "empty")).code == 1
    assert cli("schedule", "import", str(tmp_path / "none")).code == 2


def test_validate_warns_of_schedules_that_are_right(cli: Cli) -> None:
    (cli.cwd / "jobs.yaml").write_text(CATALOG.replace("every: 10m", "every: 1m"))
    ran = cli("validate")
    assert ran.code == 0
    assert "warning: " in ran.err
    assert "schedules.often: it is due every 1m, and its job may take 5m" in ran.err


def test_validate_refuses_a_schedule_whose_window_is_over_and_nothing_else_does(cli: Cli) -> None:
    (cli.cwd / "jobs.yaml").write_text(CATALOG.replace("every: 10m", "every: 10m, end: 2026-01-01"))
    ran = cli("validate")
    assert ran.code == 2
    assert "schedules.often: it is never due again" in ran.err
    assert cli("run", "a").code == 0
