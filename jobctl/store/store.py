"""The store: one namespace of one Redis, with its nouns."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from jobctl import redaction
from jobctl.store.data.ids import Mint, write
from jobctl.store.wire import topology
from jobctl.store.wire.connection import mapping
from jobctl.store.wire.keys import Keys
from jobctl.store.wire.script import MAX_BUILT, Argument, Call, Runner, Script, load

if TYPE_CHECKING:
    import redis

    from jobctl.store.nouns.audit import Audit
    from jobctl.store.nouns.dead import Dead
    from jobctl.store.nouns.events import Events
    from jobctl.store.nouns.expiry import Expiry
    from jobctl.store.nouns.jobs import Jobs
    from jobctl.store.nouns.limits import Limits
    from jobctl.store.nouns.logs import Logs
    from jobctl.store.nouns.once import Once
    from jobctl.store.nouns.pauses import Pauses
    from jobctl.store.nouns.processes import Processes
    from jobctl.store.nouns.progress import Progress
    from jobctl.store.nouns.queues import Queues
    from jobctl.store.nouns.schedules import Schedules
    from jobctl.store.nouns.settle import Settle
    from jobctl.store.nouns.stock import Stock
    from jobctl.store.wire.server import Server

BATCH = 500
"""Jobs in one script call: at most a few milliseconds of Redis's time."""

EVENTS_KEPT = 10_000
"""Entries in the stream of events; one entry holds the events of one group commit."""


class Store:
    """A namespace in Redis. Thread-safe. Every call raises RedisUnavailable when Redis is away or refuses."""

    def __init__(
        self, client: redis.Redis, namespace: str, *, cluster: bool = False, rules: redaction.Rules = redaction.unruled
    ) -> None:
        """`rules` knows what a catalog hides of a type's payloads; bodies that say it themselves need none."""
        self.client: Any = client  # redis-py types each reply as all that any setting could make of it
        self.namespace = namespace
        self.keys = Keys(namespace, cluster=cluster)
        if cluster:
            topology.bind(client, self.keys.token())
        self.mint = Mint()
        self.rules = rules
        self._runner = Runner(client)
        self._built: dict[tuple[str, tuple[str, ...]], tuple[str, ...]] = {}

    def call(self, script: str, queues: str | Sequence[str], *args: Argument) -> Call:
        """Prepare a script call for one queue, or for several if the script takes several."""
        loaded = load(script)
        names = (queues,) if isinstance(queues, str) else tuple(queues)
        sent = tuple([write(arg) if isinstance(arg, str) and not arg.isascii() else arg for arg in args])
        return Call(loaded, self._keys_for(loaded, names), sent)

    def _keys_for(self, script: Script, queues: tuple[str, ...]) -> tuple[str, ...]:
        """A call's keys; the same few calls are made again and again, so they are built once."""
        built = self._built.get((script.name, queues))
        if built is None:
            built = tuple(script.keys_for(self.keys, queues))
            if len(self._built) >= MAX_BUILT:
                self._built.clear()
            self._built[script.name, queues] = built
        return built

    def run(self, script: str, queues: str | Sequence[str], *args: Argument) -> Any:
        """Run one script: one atomic step."""
        with mapping():
            return self._runner.run(self.call(script, queues, *args))

    def run_many(self, calls: Sequence[Call]) -> list[Any]:
        """Run several scripts in one round trip; each is atomic by itself."""
        if not calls:
            return []
        with mapping():
            return self._runner.run_many(calls)

    def block(self, keys: Sequence[str | bytes], timeout_s: float) -> bytes | None:
        """Block until one of the lists has an element, and take it; which list, or None when time ran out."""
        with mapping():
            reply = self.client.blpop(list(keys), timeout=max(0.001, timeout_s))
        return None if reply is None else bytes(reply[0])

    def interrupt(self) -> None:
        """Make what blocks in another thread end now, with RedisUnavailable: its connections are closed."""
        pool = getattr(self.client, "connection_pool", None)
        if pool is not None:
            pool.disconnect()

    def with_client(self, client: redis.Redis) -> Store:
        """The same namespace through another client (other time-outs, a blocking connection)."""
        other = Store(client, self.namespace, rules=self.rules)
        other.keys, other.mint = self.keys, self.mint
        topology.bind(client, self.keys.token())
        return other

    @cached_property
    def jobs(self) -> Jobs:
        from jobctl.store.nouns.jobs import Jobs

        return Jobs(self)

    @cached_property
    def settle(self) -> Settle:
        from jobctl.store.nouns.settle import Settle

        return Settle(self)

    @cached_property
    def queues(self) -> Queues:
        from jobctl.store.nouns.queues import Queues

        return Queues(self)

    @cached_property
    def dead(self) -> Dead:
        from jobctl.store.nouns.dead import Dead

        return Dead(self)

    @cached_property
    def processes(self) -> Processes:
        from jobctl.store.nouns.processes import Processes

        return Processes(self)

    @cached_property
    def schedules(self) -> Schedules:
        from jobctl.store.nouns.schedules import Schedules

        return Schedules(self)

    @cached_property
    def events(self) -> Events:
        from jobctl.store.nouns.events import Events

        return Events(self)

    @cached_property
    def logs(self) -> Logs:
        from jobctl.store.nouns.logs import Logs

        return Logs(self)

    @cached_property
    def progress(self) -> Progress:
        from jobctl.store.nouns.progress import Progress

        return Progress(self)

    @cached_property
    def limits(self) -> Limits:
        from jobctl.store.nouns.limits import Limits

        return Limits(self)

    @cached_property
    def pauses(self) -> Pauses:
        from jobctl.store.nouns.pauses import Pauses

        return Pauses(self)

    @cached_property
    def once(self) -> Once:
        from jobctl.store.nouns.once import Once

        return Once(self)

    @cached_property
    def expiry(self) -> Expiry:
        from jobctl.store.nouns.expiry import Expiry

        return Expiry(self)

    @cached_property
    def audit(self) -> Audit:
        from jobctl.store.nouns.audit import Audit

        return Audit(self)

    @cached_property
    def server(self) -> Server:
        from jobctl.store.wire.server import Server

        return Server(self)

    @cached_property
    def stock(self) -> Stock:
        from jobctl.store.nouns.stock import Stock

        return Stock(self)
