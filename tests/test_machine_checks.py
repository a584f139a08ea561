"""What `doctor` says of the machine that is to hold isolated jobs."""

from __future__ import annotations

import pytest

from jobctl import prctl
from jobctl.catalog.load import load_text
from jobctl.ops.doctor import machine

PLAIN = "{python: 'm:f'}"
ALONE = "{python: 'm:f', isolate: true}"
LIMITED = "{python: 'm:f', isolate: true, memory: 64MB}"


@pytest.mark.parametrize(
    ("job", "may_lift", "status"),
    [(PLAIN, True, None), (ALONE, True, "ok"), (LIMITED, False, "ok"), (LIMITED, True, "warn")],
)
def test_a_limit_that_its_job_can_lift_is_told(
    job: str, may_lift: bool, status: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prctl, "may_lift_limits", lambda: may_lift)
    found = [check.status for check in machine.checks(load_text(f"version: 1\njobs: {{a: {job}}}"))]
    assert found == ([status] if status else [])
