"""Confirmation grows with the blast radius and never hangs where nobody can answer."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from jobctl.cli.bulk.confirm import Change, confirm
from jobctl.cli.context import Context
from jobctl.cli.view.parts import PARTS
from jobctl.cli.view.table import table
from jobctl.errors import Refused
from jobctl.ops.bulk.consent import change_of
from jobctl.ops.bulk.letters import retry
from jobctl.ops.bulk.plan import Planned
from jobctl.ops.bulk.selection import Selection
from jobctl.ops.filters.filter import Filter
from jobctl.settings import Settings
from jobctl.store.data.plans import PlanRow


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def context(answer: str | None = None, **settings: object) -> Context:
    stdin = io.StringIO() if answer is None else Terminal(answer)
    stderr = io.StringIO() if answer is None else Terminal()
    return Context(Settings(Path("x"), **settings), stdin=stdin, stderr=stderr)  # type: ignore[arg-type]


MANY = Change("retry", "dead letters", 20, preview=[f"job {n}" for n in range(20)])
QUEUE = Change("empty", "jobs", 20, whole_queue="email")


def test_one_job_needs_no_answer_anywhere() -> None:
    confirm(context(), Change("retry", "job", 1))


def test_many_are_previewed_and_asked_for() -> None:
    ctx = context("y\n")
    confirm(ctx, MANY)
    shown = ctx.stderr.getvalue()  # type: ignore[attr-defined]
    assert "job 0" in shown
    assert "and 7 more" in shown
    assert "Retry 20 dead letters? [y/N]" in shown


def test_parts_are_asked_about_in_the_table_of_a_plan() -> None:
    ctx = context("y\n")
    parts = tuple(
        PlanRow(queue=queue, state="dead", type="send", group="a094e644", error="Timeout", count=count)
        for queue, count in (("email", 1_200), ("slow", 34))
    )
    planned = Planned(Selection(("email", "slow"), Filter(), "--all", limit=1_234), parts)
    confirm(ctx, change_of(retry(), planned))
    shown = ctx.stderr.getvalue().splitlines()  # type: ignore[attr-defined]
    assert shown[:3] == table(ctx, parts, PARTS, 80).text.splitlines()
    assert shown[0].split() == ["COUNT", "STATE", "TYPE", "ERROR", "QUEUE", "GROUP"]


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "yeah\n"])
def test_any_other_answer_changes_nothing(answer: str) -> None:
    with pytest.raises(Refused, match="nothing was changed"):
        confirm(context(answer), MANY)


def test_a_whole_queue_goes_by_its_name() -> None:
    confirm(context("email\n"), QUEUE)
    with pytest.raises(Refused):
        confirm(context("y\n"), QUEUE)


def test_production_goes_by_the_profiles_name() -> None:
    confirm(context("live\n", profile="live", production=True), MANY)
    with pytest.raises(Refused):
        confirm(context("y\n", profile="live", production=True), MANY)


def test_without_a_terminal_yes_and_max_are_needed() -> None:
    with pytest.raises(Refused, match=r"needs --yes --max 20 \(preview it with --dry-run\)"):
        confirm(context(), MANY)
    with pytest.raises(Refused, match="needs --max 20"):
        confirm(context(), MANY, yes=True)
    confirm(context(), MANY, yes=True, maximum=20)


def test_jobs_that_were_named_need_no_answer_but_in_production() -> None:
    named = Change("retry", "jobs", 20, named=True)
    confirm(context(), named)
    with pytest.raises(Refused, match="more than --max 19"):
        confirm(context(), named, maximum=19)
    with pytest.raises(Refused, match="needs --yes --max 20"):
        confirm(context(profile="live", production=True), named)


def test_above_max_is_refused_even_with_yes() -> None:
    with pytest.raises(Refused, match=r"more than --max 19 \(allow it with --max 20\)"):
        confirm(context(), MANY, yes=True, maximum=19)


def test_a_read_only_profile_refuses_everything() -> None:
    with pytest.raises(Refused, match="read-only"):
        confirm(context("y\n", profile="p", read_only=True), Change("retry", "job", 1), yes=True)
