"""The way from one catalog to the next while a worker runs: read it, try it out, start new processes over it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple, Protocol

import msgspec

from jobctl import clock
from jobctl.engine.process.config import ChildConfig
from jobctl.engine.process.preflight import Findings
from jobctl.engine.supervisor.crew import Crew
from jobctl.errors import UsageError
from jobctl.text import sanitize

log = logging.getLogger(__name__)

PATIENCE_S = 60.0
"""A reload is given up when trying the catalog out, or starting the new processes, takes longer than this."""


class Trial(Protocol):
    """A catalog is being tried out."""

    @property
    def findings(self) -> Findings | None:
        """What was found; None while it continues."""

    def close(self) -> None:
        """End it."""


class Plan(Protocol):
    """Where the configuration of new processes comes from."""

    def reload(self) -> ChildConfig:
        """Read the catalog again; raises when anything is wrong with it."""

    def try_out(self, child: ChildConfig) -> Trial:
        """Begin to find out whether processes can work with it."""

    def adopt(self, child: ChildConfig) -> None:
        """New processes have taken over."""


class Done(NamedTuple):
    """A reload that is over. `taken` says whether the new processes `crew` take over from the old ones; there are none
    if the catalog was refused. `findings` are those about the catalog, None if it is the one that was there."""

    crew: Crew | None
    taken: bool
    child: ChildConfig
    findings: Findings | None


class Reload:
    """One reload at a time. `start` makes processes from a configuration, which are not filled yet."""

    def __init__(self, plan: Plan, start: Callable[[ChildConfig], Crew], child: ChildConfig) -> None:
        self.crew: Crew | None = None
        """The new processes while they are not ready yet."""
        self._plan = plan
        self._start = start
        self._child = child
        self._findings: Findings | None = None
        self._trial: Trial | None = None
        self._refused = False
        self._sizes: dict[str, int] = {}
        self._sizes_before: dict[str, int] = {}
        self._until = 0.0
        self.again = False
        """Whether another one was asked for meanwhile."""

    @property
    def busy(self) -> bool:
        """Whether one is under way."""
        return self._refused or self._trial is not None or self.crew is not None

    def begin(self) -> None:
        """Begin one."""
        self.again = False
        with self._refusing():
            self._child = self._sized(self._plan.reload())
            self._trial = self._plan.try_out(self._child)
            self._until = clock.monotonic() + PATIENCE_S

    def resize(self, sizes: Mapping[str, int], running: ChildConfig) -> None:
        """Begin to replace the processes that were made from `running` by some with these fields of theirs changed, now
        and at each reload from now on."""
        self._findings = None
        self._sizes_before, self._sizes = self._sizes, dict(sizes)
        self._child = self._sized(running)
        self._begin_crew()

    def _sized(self, child: ChildConfig) -> ChildConfig:
        return msgspec.structs.replace(child, **self._sizes)

    def _begin_crew(self) -> None:
        self.crew = self._start(self._child)
        self._until = clock.monotonic() + PATIENCE_S
        self.crew.fill()

    def step(self) -> Done | None:
        """Go on with it; None if it is not over yet."""
        if self._trial is not None:
            with self._refusing():
                self._look(self._trial)
        if self._refused:
            self._refused = False
            return Done(None, False, self._child, self._findings)
        crew = self.crew
        if crew is None or not (crew.ready or crew.crashes or self._late()):
            return None
        self.crew = None
        if crew.ready:
            self._plan.adopt(self._child)
            self._sizes_before = self._sizes
        self._sizes = self._sizes_before  # a size with which no process starts must not fail each later reload, too
        return Done(crew, crew.ready, self._child, self._findings)

    def close(self) -> None:
        """Leave off trying."""
        if self._trial is not None:
            self._trial.close()
            self._trial = None

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """A broken catalog must not end a running worker."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - as said
            self._refused = True
            for line in map(str, getattr(error, "problems", ()) or str(error).splitlines()):
                log.error("reload failed, keeping the old catalog: %s", sanitize(line))

    def _late(self) -> bool:
        return clock.monotonic() >= self._until

    def _look(self, trial: Trial) -> None:
        """Start the new processes once the trial has found nothing."""
        findings = trial.findings
        if findings is None and not self._late():
            return
        self.close()
        if findings is None:
            raise UsageError(f"importing the Python targets of the catalog took longer than {PATIENCE_S:.0f} s")
        findings.check()
        self._findings = findings
        for warning in findings.warnings:
            log.warning("%s", sanitize(str(warning)))
        log.info("reloading: starting new processes")
        self._begin_crew()
