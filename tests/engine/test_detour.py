"""How a fetcher gets past jobs of the other side, in queues that both share."""

from __future__ import annotations

from jobctl.engine.process.desk import Desk
from jobctl.engine.process.detour import DEPTH, PAUSE_S, Detour
from jobctl.store.nouns.settle import Reserved


def reserved(token: str, queue: str) -> Reserved:
    return Reserved(id=token, queue=queue, token=token, body=b"", record=b"", crashes=0)


def test_shared_queues_are_looked_through_alone_after_jobs_were_in_the_way() -> None:
    detour = Detour({"both"})
    assert detour.plan(["mine", "both"], 4) == (["mine", "both"], 4)
    detour.went(2, 2, now=10.0)
    assert detour.plan(["mine", "both"], 4) == (["both"], DEPTH)
    detour.went(3, 0, now=10.0)
    assert detour.plan(["mine", "both"], 4) == (["mine", "both"], 4)


def test_shared_queues_that_hold_nothing_for_this_side_rest_and_others_do_not() -> None:
    detour = Detour({"both"})
    detour.went(0, 4, now=10.0)
    assert detour.until == 10.0 + PAUSE_S
    assert detour.plan(["mine", "both"], 4) == (["mine"], 4)


def test_each_side_of_a_desk_has_room_of_its_own_and_refuses_what_it_cannot_hold() -> None:
    desk = Desk(1, async_jobs=2, on_loop=lambda job: job.queue == "loop")
    looped = [reserved(f"{n}-1", "loop") for n in range(4)]
    assert desk.take(looped, desk.threads) == looped[2:]
    assert (desk.room(0.0, desk.loop), desk.room(0.0, desk.threads)) == (0, 1)
    plain = reserved("9-1", "threads")
    assert desk.take([plain], desk.threads) == []
    assert desk.room(0.0, desk.threads) == 0
    assert desk.tokens() == {job.token for job in [*looped, plain]}, "what was refused is known until it is given back"
    desk.end_all([(job, 0.1) for job in looped[:2]])
    assert (desk.room(0.0, desk.loop), desk.room(0.0, desk.threads)) == (2, 0)
