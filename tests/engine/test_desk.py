"""What a process holds, by reservation: two queues may have jobs with the same id."""

from __future__ import annotations

from jobctl.engine.process.desk import Desk
from jobctl.handlers.base import CancelToken
from jobctl.store.data.ids import JobRef
from jobctl.store.nouns.settle import Reserved


def reserved(queue: str, token: str, job_id: str = "order-7") -> Reserved:
    return Reserved(id=job_id, queue=queue, token=token, body=b"", record=b"", crashes=0)


def test_two_jobs_with_one_id_are_held_begun_and_ended_each_by_itself() -> None:
    desk = Desk(4)
    mail, pay = reserved("email", "1-1"), reserved("billing", "2-1")
    desk.take((mail, pay))
    assert desk.held() == [mail, pay]
    desk.begin(mail, CancelToken())
    desk.begin(pay, CancelToken())
    desk.end(mail, 0.1)
    assert (desk.held(), desk.running()) == ([pay], [pay])
    desk.end(pay, 0.1)
    assert desk.wait_quiet(0.0)
    desk.committed(["1-1", "2-1"])
    assert desk.idle()


def test_a_cancel_reaches_the_job_of_its_queue_alone() -> None:
    desk = Desk(4)
    mail, pay = reserved("email", "1-1"), reserved("billing", "2-1")
    tokens = {job: CancelToken() for job in (mail, pay)}
    desk.take((mail, pay))
    desk.begin(mail, tokens[mail])
    for job in desk.attempts_of(JobRef("billing", "order-7")):
        desk.cancel(job, "cancelled")
    desk.begin(pay, tokens[pay])
    assert (tokens[mail].reason, tokens[pay].reason) == (None, "cancelled")


def test_a_late_attempt_and_its_successor_in_one_process_are_two() -> None:
    desk = Desk(4)
    late, now = reserved("email", "1-1"), reserved("email", "9-1")
    desk.take((late,))
    desk.begin(late, CancelToken())
    desk.take((now,))
    desk.begin(now, CancelToken())
    assert desk.attempts_of(now.ref) == [late, now]
    desk.end(late, 0.1)
    assert desk.running() == [now]
