"""Every Redis key of a namespace, each named once. docs/redis.md says what each holds and who writes it.

A queue's name may come from a message of anyone who can write to Redis. Every key that is made of one refuses a name
that the catalog would refuse (UsageError): none holds `@` or `:`, so no queue's key can be another key.
"""

from __future__ import annotations

from jobctl import names


class Keys:
    """The keys of one namespace. With `cluster`, the namespace stands in braces: one namespace, one slot."""

    def __init__(self, namespace: str, *, cluster: bool = False) -> None:
        self.namespace = namespace
        self.prefix = f"{{{namespace}}}" if cluster else namespace

    # Shared with stock Dramatiq: layout fixed by it.

    def ready(self, queue: str) -> str:
        return f"{self.prefix}:{names.queue(queue)}"

    def bodies(self, queue: str) -> str:
        return f"{self.ready(queue)}.msgs"

    def stock_delayed(self, queue: str) -> str:
        return f"{self.ready(queue)}.DQ"

    def stock_delayed_bodies(self, queue: str) -> str:
        return f"{self.ready(queue)}.DQ.msgs"

    def stock_dead(self, queue: str) -> str:
        return f"{self.ready(queue)}.XQ"

    def stock_dead_bodies(self, queue: str) -> str:
        return f"{self.ready(queue)}.XQ.msgs"

    def stock_heartbeats(self) -> str:
        return f"{self.prefix}:__heartbeats__"

    def stock_acks(self, worker: str, queue: str, *, delayed: bool = False) -> str:
        return f"{self.prefix}:__acks__.{worker}.{names.queue(queue)}{'.DQ' if delayed else ''}"

    # One of each for every queue.

    def _of(self, name: str, queue: str) -> str:
        return f"{self.prefix}:@{name}:{names.queue(queue)}"

    def ordered(self, queue: str) -> str:
        return self._of("ordered", queue)

    def priorities(self, queue: str) -> str:
        return self._of("priorities", queue)

    def stale(self, queue: str) -> str:
        return self._of("stale", queue)

    def since(self, queue: str) -> str:
        return self._of("since", queue)

    def wake(self, queue: str) -> str:
        return self._of("wake", queue)

    def running(self, queue: str) -> str:
        return self._of("running", queue)

    def each_running(self) -> str:
        """What stands before a queue's name in `running`, for a script that learns the name from a value."""
        return f"{self.prefix}:@running:"

    def cancels(self, queue: str) -> str:
        return self._of("cancels", queue)

    def crashes(self, queue: str) -> str:
        return self._of("crashes", queue)

    def delayed(self, queue: str) -> str:
        return self._of("delayed", queue)

    def retrying(self, queue: str) -> str:
        return self._of("retrying", queue)

    def records(self, queue: str) -> str:
        return self._of("records", queue)

    def attempts(self, queue: str) -> str:
        return self._of("attempts", queue)

    def traces(self, queue: str) -> str:
        return self._of("traces", queue)

    def trace_uses(self, queue: str) -> str:
        return self._of("trace_uses", queue)

    def results(self, queue: str) -> str:
        return self._of("results", queue)

    def archive(self, queue: str) -> str:
        return self._of("archive", queue)

    def completed(self, queue: str) -> str:
        return self._of("completed", queue)

    def cancelled(self, queue: str) -> str:
        return self._of("cancelled", queue)

    def dead(self, queue: str) -> str:
        return self._of("dead", queue)

    def groups(self, queue: str) -> str:
        return self._of("groups", queue)

    def group(self, queue: str, group: str) -> str:
        return f"{self.groups(queue)}:{group}"

    def dropped(self, queue: str) -> str:
        return self._of("dropped", queue)

    def trash(self, queue: str) -> str:
        return self._of("trash", queue)

    def index(self, queue: str) -> str:
        return self._of("index", queue)

    def indexed(self, queue: str, name: str) -> str:
        return f"{self.index(queue)}:{name}"

    def origins(self, queue: str) -> str:
        return self._of("origins", queue)

    def known(self, queue: str) -> str:
        return self._of("known", queue)

    def named(self, queue: str) -> str:
        return self._of("named", queue)

    def limits(self, queue: str) -> str:
        """What the limits of a queue's jobs allow. Everything about who waits for them is below this key."""
        return self._of("limits", queue)

    def following(self, queue: str) -> str:
        return self._of("following", queue)

    def of_limits(self, queue: str, name: str) -> str:
        """`turns`, `holds`, `slots`, `parked`, `ties`, or `lane:LANE`, `line:BUCKET`, `backlog:LIMIT`, and of a rate
        `smooth:BUCKET`, `window:BUCKET`, `until:BUCKET`."""
        return f"{self.limits(queue)}:{name}"

    def lanes(self, queue: str) -> str:
        return self._of("lanes", queue)

    def limited(self, queue: str) -> str:
        return self._of("limited", queue)

    def uniques(self, queue: str) -> str:
        return self._of("uniques", queue)

    def unique(self, queue: str, name: str) -> str:
        """The holder of a unique key; `name` is TYPE|KEY."""
        return f"{self.uniques(queue)}:{name}"

    def expiring(self, queue: str) -> str:
        return self._of("expiring", queue)

    def progress(self, queue: str) -> str:
        return self._of("progress", queue)

    def ended(self, queue: str) -> str:
        return self._of("ended", queue)

    def stats(self, queue: str) -> str:
        return self._of("stats", queue)

    def of_stats(self, queue: str, name: str) -> str:
        return f"{self.stats(queue)}:{name}"

    def logs(self, queue: str, job_id: str = "") -> str:
        """The log of a job. Scripts are given the key without an id, and put it behind that."""
        return f"{self._of('log', queue)}:{job_id}"

    def aliases(self, queue: str) -> str:
        """The jobs that stock messages of this queue became, by the messages' own ids."""
        return self._of("aliases", queue)

    def messages(self, queue: str) -> str:
        return self._of("messages", queue)

    # One of each for the namespace.

    def _one(self, name: str) -> str:
        return f"{self.prefix}:@{name}"

    def layout(self) -> str:
        return self._one("layout")

    def migrating(self) -> str:
        return self._one("migrating")

    def notice(self) -> str:
        """What tells programs of layout 1, which look here for pauses, that everything is paused for them."""
        return self._one("paused")

    def queues(self) -> str:
        return self._one("queues")

    def stock_queues(self) -> str:
        return self._one("stock_queues")

    def due(self) -> str:
        return self._one("due")

    def token(self) -> str:
        return self._one("token")

    def paused(self) -> str:
        return self._one("pauses")

    def processes(self) -> str:
        return self._one("processes")

    def beats(self) -> str:
        return self._one("beats")

    def orders(self) -> str:
        return self._one("orders")

    def cursors(self) -> str:
        return self._one("cursors")

    def ticks(self) -> str:
        """What became of ticks: the history of each schedule, and the jobs whose end is to be noted, are below it."""
        return self._one("ticks")

    def history(self, schedule: str) -> str:
        return f"{self.ticks()}:{schedule}"

    def open_ticks_of(self, schedule: str) -> str:
        return f"{self.history(schedule)}:open"

    def queued_ticks_of(self, schedule: str) -> str:
        return f"{self.history(schedule)}:queued"

    def open_ticks(self) -> str:
        return self._one("open_ticks")

    def schedules_by_hand(self) -> str:
        return self._one("schedules_by_hand")

    def renamed(self) -> str:
        return self._one("renamed")

    def announced(self) -> str:
        return self._one("announced")

    def events(self) -> str:
        return self._one("events")

    def finished(self) -> str:
        return self._one("finished")

    def control(self) -> str:
        return self._one("control")

    def audit(self) -> str:
        return self._one("audit")

    def notes(self) -> str:
        return self._one("notes")

    def operations(self) -> str:
        return self._one("operations")

    def operation(self, operation: str, part: str = "") -> str:
        """An operation; with `:jobs` or `:open`, which of its jobs are to come, or are out."""
        return f"{self.operations()}:{operation}{part}"

    def operating(self) -> str:
        return self._one("operating")

    def alerts(self) -> str:
        return self._one("alerts")

    def hooks(self) -> str:
        return self._one("hooks")

    def once(self) -> str:
        return self._one("once")

    def published(self) -> str:
        return self._one("published")

    def catalogs(self) -> str:
        return self._one("catalogs")

    def followed(self) -> str:
        return self._one("followed")

    def scanned(self) -> str:
        return self._one("scanned")
