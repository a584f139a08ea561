"""What a failed attempt leads to: another run after a delay, or the end. Pure: no clock, no store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dramatiq.errors import Retry as AskedFor

from jobctl.catalog.model import RetryPolicy
from jobctl.context import RateLimited
from jobctl.handlers.base import AttemptCancelled, AttemptTimeout, HandlerFailure
from jobctl.handlers.failure import RemoteFailure, ancestry


@dataclass(frozen=True, slots=True)
class Retry:
    """Run the job again, `delay_ms` from now."""

    delay_ms: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Do not run the job again. `reason` completes "dead because …"."""

    reason: str


def decide(
    policy: RetryPolicy, failure: BaseException, retries_done: int, random: Callable[[], float]
) -> Retry | GiveUp:
    """What to do after `failure`, when `retries_done` retries have already been spent.

    `random` returns a float from [0, 1), as `random.random` does. A cancelled attempt is never repeated. What
    the other side asked for (`retry_after_ms`) is a minimum for the delay, also above `max_delay`. What an actor asks
    for with Dramatiq's `raise Retry(delay=…)` is the delay.
    """
    if isinstance(failure, AttemptCancelled):
        return GiveUp("it was cancelled")
    refusal = _refused_by_name(policy, failure)
    if refusal:
        return GiveUp(refusal)
    if retries_done >= policy.max:
        return GiveUp(f"it failed {retries_done + 1} times and `retries.max` is {policy.max}")
    if isinstance(failure, AskedFor) and isinstance(failure.delay, int | float) and failure.delay >= 0:
        return Retry(int(failure.delay))
    delay = backoff_ms(policy, retries_done, random)
    if isinstance(failure, HandlerFailure) and failure.retry_after_ms is not None:
        delay = max(delay, failure.retry_after_ms)
    return Retry(delay)


def names_of(failure: BaseException) -> frozenset[str]:
    """Every name by which `on` and `never_on` can mean this failure: those of its ancestry, and its own."""
    return _own_names(failure) | ancestry(failure)


def backoff_ms(policy: RetryPolicy, retries_done: int, random: Callable[[], float]) -> int:
    """The delay before the next run, in milliseconds.

    Explicit `delays` are taken as they stand, the last one repeating. Otherwise, with n retries done:
    exponential is delay·2ⁿ, linear delay·(n+1), fixed delay; never above `max_delay`. Jitter then takes a
    uniform value between 50 % and 100 % of that, so that jobs that failed together do not return together.
    """
    if policy.delays_ms:
        return policy.delays_ms[min(retries_done, len(policy.delays_ms) - 1)]
    delay = min(_growing_ms(policy, retries_done), policy.max_delay_ms)
    if not policy.jitter:
        return delay
    half = delay // 2
    return half + (delay - half) * int(random() * _STEPS) // _STEPS


_STEPS = 1 << 30
"""Jitter is computed in whole steps: a float would overflow on, or round, a huge delay."""


def _growing_ms(policy: RetryPolicy, retries_done: int) -> int:
    if policy.backoff == "fixed":
        return policy.delay_ms
    if policy.backoff == "linear":
        return policy.delay_ms * (retries_done + 1)
    # Past this many doublings any delay is above the cap, and 2ⁿ itself would fill the memory.
    return policy.delay_ms << min(retries_done, policy.max_delay_ms.bit_length())


def _refused_by_name(policy: RetryPolicy, failure: BaseException) -> str:
    """Why the failure's names forbid a retry, or an empty string."""
    names = names_of(failure)
    forbidden = [name for name in policy.never_on if name in names]
    if forbidden:
        return f"`retries.never_on` names {forbidden[0]}"
    if isinstance(failure, HandlerFailure) and not failure.retryable:
        # Only the failure's own names: `on: [Exception]` means everything, not this one in spite of itself.
        return "" if set(policy.on) & _own_names(failure) else "a retry cannot help"
    if policy.on and names.isdisjoint(policy.on):
        return f"`retries.on` does not name {_shown_name(failure)}"
    return ""


def _own_names(failure: BaseException) -> frozenset[str]:
    if isinstance(failure, HandlerFailure):
        return frozenset((failure.error, *failure.match))
    return frozenset(("timeout",)) if isinstance(failure, AttemptTimeout) else frozenset()


def _shown_name(failure: BaseException) -> str:
    if isinstance(failure, HandlerFailure):
        return failure.error
    return failure.described.error if isinstance(failure, RemoteFailure) else type(failure).__name__


def asked_for(failure: BaseException, lane: str) -> int | None:
    """For how many ms the attempt came too early; None if it did not, but failed.

    An http answer of 429 says so where there is a rate limit; without one it is a failure like others.
    """
    if isinstance(failure, RateLimited):
        return failure.after_ms
    if isinstance(failure, HandlerFailure) and "http:429" in failure.match and has_rate(lane):
        return failure.retry_after_ms
    return None


def has_rate(lane: str) -> bool:
    """Whether one of a lane's limits is a rate."""
    return any(bucket[:1] in ("r", "R") for bucket in lane.split("\n"))
