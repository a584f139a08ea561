"""What a process holds, by reservation: two queues may have jobs with the same id."""

from __future__ import annotations

from queue import SimpleQueue

import msgspec
import pytest

from jobctl import clock
from jobctl.engine.process.desk import ALONE_WITHIN_S, QUIET_S, Desk
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


def test_a_side_has_the_room_that_it_promised_even_if_its_jobs_are_slower_by_now() -> None:
    desk = Desk(2, async_jobs=2, on_loop=lambda job: job.queue == "loop")
    for number in range(50):
        desk.take((quick := reserved("email", f"{number}-0"),))
        desk.begin(quick, CancelToken())
        desk.end(quick, 0.001)
    desk.committed([f"{number}-0" for number in range(50)])
    room = desk.room(0.0)
    assert room > 2
    desk.threads.ended(60.0)
    assert desk.take([reserved("email", f"{number}-1") for number in range(room)]) == []
    late = reserved("email", "99-1")
    assert desk.take([late]) == [late]


def test_a_process_takes_no_more_jobs_than_it_may_in_its_life_though_more_were_asked_for_on_a_detour() -> None:
    desk = Desk(8, 3, async_jobs=8, on_loop=lambda job: job.queue == "loop")
    assert desk.room(0.0) == 3
    refused = desk.take([reserved("email", f"{number}-1") for number in range(8)])
    assert (len(desk.held()), len(refused), desk.room(0.0)) == (3, 5, 0)


def test_a_job_that_a_slot_has_taken_and_not_begun_is_waited_for() -> None:
    desk = Desk(4)
    desk.take((job := reserved("email", "1-1"),))
    assert desk.inbox.get_nowait() is job
    assert not desk.wait_quiet(0.0)


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


class EmptyToo(SimpleQueue):  # type: ignore[type-arg]
    """A thread took the last job just after somebody looked."""

    def empty(self) -> bool:
        return False


def test_who_takes_jobs_back_waits_for_none_that_a_thread_took_meanwhile() -> None:
    desk = Desk(4)
    desk.threads.inbox = EmptyToo()
    job = reserved("email", "1-1")
    desk.take((job,))
    assert desk.waiting() == [job]


class Workshop:
    """A desk with four threads and a clock of its own. A job that killed twice came while a long one ran."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000.0
        monkeypatch.setattr(clock, "monotonic", lambda: self.now)
        self.desk, self.count = Desk(4), 0
        self.long = self.begin()
        self.suspect = msgspec.structs.replace(reserved("email", "99-1", "killer"), crashes=2)
        self.desk.take((self.suspect,))

    def begin(self) -> Reserved:
        self.count += 1
        job = reserved("email", f"{self.count}-1", f"job-{self.count}")
        self.desk.take((job,))
        assert self.desk.inbox.get_nowait() == job
        self.desk.begin(job, CancelToken())
        return job

    @property
    def room(self) -> int:
        return self.desk.room(0.0)


def test_while_a_long_job_runs_a_job_that_is_to_run_alone_keeps_no_thread_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Workshop(monkeypatch)
    assert shop.room == 3
    short = shop.begin()
    shop.desk.end(shop.long, 3_600.0)
    assert (shop.room, shop.desk.inbox.qsize()) == (0, 0)
    shop.desk.end(short, 0.1)
    assert (shop.room, shop.desk.inbox.get_nowait()) == (0, shop.suspect)
    shop.desk.begin(shop.suspect, CancelToken())
    shop.desk.end(shop.suspect, 0.1)
    assert shop.room >= 4


def test_threads_do_not_idle_for_another_long_job_unless_the_one_that_is_to_run_alone_has_waited_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop = Workshop(monkeypatch)
    shop.begin()
    shop.desk.end(shop.long, 3_600.0)
    assert shop.room == 0
    shop.now += QUIET_S
    assert shop.room == 3
    shop.begin()
    shop.now += ALONE_WITHIN_S
    for job in shop.desk.running()[:1]:
        shop.desk.end(job, 600.0)
    assert shop.room == 0
    shop.now += 2 * QUIET_S
    assert shop.room == 0
