"""The worker supervisor: N worker processes kept alive, reloaded, recycled and drained by one thread."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Sequence

import msgspec

from jobctl import clock
from jobctl.engine.liveness.heartbeats import Heartbeats, Liveness
from jobctl.engine.process.config import ChildConfig, SupervisorOptions, default_processes
from jobctl.engine.supervisor.burst import Burst
from jobctl.engine.supervisor.child import Child, spawn
from jobctl.engine.supervisor.crew import Crew
from jobctl.engine.supervisor.forks import Forks
from jobctl.engine.supervisor.health import Health
from jobctl.engine.supervisor.obedience import Obedience
from jobctl.engine.supervisor.recovery import Recovery
from jobctl.engine.supervisor.reload import Plan, Reload
from jobctl.engine.tools.loop import Loop
from jobctl.engine.tools.notify import Notifier
from jobctl.engine.tools.processes import process_name, resident_bytes
from jobctl.errors import INTERRUPTED, UsageError
from jobctl.store.nouns.processes import ProcessInfo

log = logging.getLogger(__name__)

BEAT_S, HEALTH_S = 3.0, 2.0
KILL_MARGIN_S = 3.0
"""How long after the end of the grace a child may still be busy with giving back jobs before it is killed. It needs a
tenth of a second, on a busy machine more than one; 25 s of grace, this and a last call are less than 30 s."""
LAST_CALL_S = KILL_MARGIN_S + 0.25
"""No call to Redis starts later than this after the end of the grace; a call takes 1 s at most."""


class Supervisor:
    """Runs worker processes made from `child`, whose name is replaced.

    `plan` gives what new processes are made from when the catalog is to be read again; while anything is wrong with
    that, the running processes stay. `forks` are functions of the application's middleware that want processes of their
    own. Make and run it in the main thread.
    """

    def __init__(
        self,
        options: SupervisorOptions,
        child: ChildConfig,
        liveness: Liveness,
        plan: Plan,
        notifier: Notifier | None = None,
        forks: Sequence[str] = (),
    ) -> None:
        self.name = process_name()
        self._options = options
        self._template = child
        self._notifier = notifier or Notifier()
        self._started_ms = clock.now_ms()
        self._beats = Heartbeats(liveness, self.info)
        self._burst = Burst(self._beats, child)
        self._health = Health(options.max_memory, options.max_age_s)
        self._loop = Loop()
        self._spawned = 0
        self._beat_due = False
        self._recovery = Recovery(self._beats, self._loop.later)
        self._crew = self._new_crew(child)
        self._reload = Reload(plan, self._new_crew, child)
        self._obedience = Obedience(self._reload, self._drain)
        self._forks = Forks(self._loop.later)
        self._targets = forks
        self._old: list[Crew] = []
        self._announced = ""
        self.ready = False
        self._stop_at: float | None = None
        self._exit_code = 0

    def run(self) -> int:
        """Work until stopped, or in burst mode until the queues are empty; returns the exit code.

        0 after a clean drain; 1 when processes had to be killed, or (in burst mode) never got as far as a job; 2 when
        the namespace was migrated to another layout; 3 when burst mode gave up on Redis; 130 after a
        second SIGINT.
        """
        loop = self._loop
        loop.on_signal((signal.SIGTERM, signal.SIGINT), self._on_stop)
        loop.on_signal((signal.SIGHUP,), lambda _number: self._start_reload())
        loop.on_signal((signal.SIGCHLD,), lambda _number: self._reap())
        log.info("worker %s: %d processes of %d threads", self.name, self._options.processes, self._template.threads)
        try:
            self._crew.fill()
            self._forks.use(self._targets, self._template)
            self._schedule()
            while not self._done():
                loop.run_once()
            self._leave()
        finally:
            for crew in self._crews():
                crew.stop(signal.SIGKILL)
            self._reload.close()
            self._forks.close()
            loop.close()
        log.info("worker %s ended", self.name)
        return self._exit_code or self._burst.exit_code or self._crew.failed

    def info(self) -> ProcessInfo:
        """What a heartbeat says about this worker."""
        children = tuple(child.info() for crew in self._crews() for child in crew)
        return ProcessInfo(
            name=self.name, kind="worker", host=socket.gethostname(), pid=os.getpid(),
            queues=self._template.queues or (),
            processes=self._options.processes,
            threads=self._template.threads,
            async_jobs=self._template.async_jobs,
            started_ms=self._started_ms,
            memory_mb=round(resident_bytes(os.getpid()) / 1e6 + sum(child.memory_mb for child in children), 1),
            running=sum(child.running for child in children),
            children=children,
            state="stopping" if self._stop_at else "quiet" if self._obedience.quiet else "running",
            deaths=tuple(death for crew in self._crews() for death in crew.deaths), cores=default_processes(),
        )  # fmt: skip

    def _schedule(self) -> None:
        self._loop.every(BEAT_S, self._beat)
        self._loop.later(0.0, lambda: self._beats.keep_sweeping(self._loop.later))
        self._loop.every(HEALTH_S, self._check_health)
        self._loop.every(1.0, self._reap)  # should a SIGCHLD ever be missed
        self._loop.later(0.0, self._watch)
        if self._notifier.watchdog_s:
            self._loop.every(self._notifier.watchdog_s, self._ping)

    def _new_crew(self, template: ChildConfig) -> Crew:
        size = self._options.processes
        return Crew(size, lambda: self._spawn(template), self._recovery.lost, self._loop.later, template.burst)

    def _crews(self) -> list[Crew]:
        return [self._crew, *self._old, *([self._reload.crew] if self._reload.crew else [])]

    def _spawn(self, template: ChildConfig) -> Child:
        self._spawned += 1
        config = msgspec.structs.replace(template, name=f"{self.name}:{self._spawned}")
        child = spawn(config, self._options.command)
        if not self._beat_due:  # Redis hears of it before it can be missed
            self._beat_due = True
            self._loop.later(0.0, self._beat_soon)
        return child

    def _beat_soon(self) -> None:
        self._beat_due = False
        self._beat()

    def _beat(self) -> None:
        """Tell Redis that we live, and the children that it knows: without that they fetch nothing."""
        now = clock.monotonic()
        children = [child for crew in self._crews() for child in crew]
        if self._beats.beat() is not None:
            self._obedience.obey(self._beats.orders, children, self._template)
            for child in children:
                child.slots.set_beaten(now)
        if self._beats.refused:
            self._exit_code = UsageError.exit_code
            self._drain()

    def _reap(self) -> None:
        for crew in self._crews():
            crew.reap()
        self._old = [crew for crew in self._old if not crew.ended]
        self._forks.look()

    # readiness and health

    def _watch(self) -> None:
        """Look at what has no event of its own: readiness, and how a reload gets on."""
        self._settle_reload()
        if self._crew.ready and not self.ready and self._stop_at is None:
            self.ready = True
            log.info("worker %s is ready", self.name)
            self._notifier.ready(self._status())
        self._announce()
        settled = self.ready and not self._reload.busy
        self._loop.later(1.0 if settled else 0.05, self._watch)

    def _status(self) -> str:
        ready = sum(child.slots.ready for child in self._crew.seated)
        running = sum(child.slots.running for crew in self._crews() for child in crew)
        status = f"{ready} of {self._options.processes} processes ready, {running} job{'s' * (running != 1)} running"
        return f"{status}, Redis unreachable" if self._beats.outage_s else status

    def _announce(self) -> None:
        status = self._status()
        if status != self._announced and self._stop_at is None:
            self._announced = status
            self._notifier.status(status)

    def _check_health(self) -> None:
        if self._stop_at is None and self._burst.gives_up():
            for crew in self._crews():
                crew.retire()
        if self._stop_at is None and self._reload.crew is None:
            self._health.check(self._crew)
        for crew in self._crews():
            self._health.log_stalls(crew)
            self._health.kill_frozen(crew)

    def _ping(self) -> None:
        if all(self._health.healthy(crew) for crew in self._crews()):
            self._notifier.watchdog()

    # reload

    def _start_reload(self) -> None:
        if self._stop_at is not None:
            return
        if self._template.burst:
            log.warning("SIGHUP is ignored in burst mode")
            return
        if self._reload.busy:
            self._reload.again = True
            return
        self._notifier.reloading()
        self._reload.begin()

    def _settle_reload(self) -> None:
        """Switch to the new processes once they are ready; keep the old ones when they cannot start."""
        done = self._reload.step() if self._stop_at is None else None
        if done is None:
            return
        if done.crew is not None:
            leaving = self._crew if done.taken else done.crew
            leaving.retire()
            self._old.append(leaving)
        if done.crew is not None and done.taken:
            self._crew, self._template = done.crew, done.child
            if done.findings is not None:
                self._forks.use(done.findings.forks, done.child)
            log.info("reloaded: the old processes finish their running jobs")
        elif done.crew is not None:
            log.error("reload failed: the new processes did not start, keeping the old ones")
        self._reload_over()
        if self._reload.again:
            self._start_reload()

    def _reload_over(self) -> None:
        """Tell systemd, which waits for it; but never "ready" for a worker that has not been."""
        (self._notifier.ready if self.ready else self._notifier.status)(self._status())

    # the end

    def _on_stop(self, number: int) -> None:
        if self._stop_at is not None:
            log.warning("stopping now: killing %d worker processes", sum(1 for c in self._crews() for _ in c))
            self._exit_code = INTERRUPTED if number == signal.SIGINT else 1
            self._stop_at = clock.monotonic()
            self._kill()
            return
        self._drain()

    def _drain(self) -> None:
        if self._stop_at is not None:
            return
        grace = self._template.grace_s
        log.info("draining: running jobs have %.0f s to finish", grace)
        self._stop_at = clock.monotonic() + grace
        self._recovery.stopping = True
        self._notifier.stopping()
        for crew in self._crews():
            crew.stop()
        self._loop.later(grace + KILL_MARGIN_S, self._overdue)
        self._loop.later(grace + LAST_CALL_S, lambda: None)  # so that the loop looks at the time then

    def _overdue(self) -> None:
        left = sum(1 for crew in self._crews() for _ in crew)
        if left:
            log.warning("killed %d worker processes that did not end within the grace period", left)
            self._exit_code = self._exit_code or 1
            self._kill()

    def _kill(self) -> None:
        for crew in self._crews():
            crew.stop(signal.SIGKILL)

    def _done(self) -> bool:
        if self._too_late():
            return True
        # of another layout: others recover what is held
        recovered = self._beats.refused or not self._beats.pending or self._burst.lost_patience
        return recovered and all(crew.ended for crew in self._crews())

    def _too_late(self) -> bool:
        """Whether a call to Redis could make the end later than promised."""
        return self._stop_at is not None and clock.monotonic() >= self._stop_at + LAST_CALL_S

    def _leave(self) -> None:
        if lost := self._beats.pending:
            log.warning("Redis did not answer: another worker will recover the jobs of %d processes", lost)
        elif not self._too_late():
            self._beats.leave(self.name)
