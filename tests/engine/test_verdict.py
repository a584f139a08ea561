"""What becomes of jobs, and whether Redis hears that they never began."""

from __future__ import annotations

import pytest

from jobctl.engine.attempt import verdict
from jobctl.engine.attempt.outcome import Outcome
from jobctl.handlers.failure import Failure
from jobctl.store.data.codec import Record
from jobctl.store.nouns.settle import Reserved

JOB = Reserved("work", "a", "1-1", b"?", b"", 0)


@pytest.mark.parametrize(
    "outcome",
    [
        verdict.read_body(JOB, Record()),
        verdict.unknown_type(JOB, "act", Record(), 1_000),
        verdict.unknown_type(JOB, "act", Record(), 0),
        verdict.refused(JOB, "act", Record(), Failure("Expired", verdict.EXPIRED)),
    ],
    ids=["unreadable", "unknown", "unknown for too long", "refused"],
)
def test_a_job_that_a_worker_does_not_run_has_not_begun(outcome: Outcome) -> None:
    assert outcome.kind in ("retry", "bury")
    assert not outcome.ended.begun


def test_a_job_that_is_put_off_while_it_runs_has_begun() -> None:
    assert verdict.put_off(JOB, Record(), 1_000).ended.begun
