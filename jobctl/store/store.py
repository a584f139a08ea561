"""The store: one namespace of one Redis, with its nouns."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from msgspec.structs import replace

from jobctl.store.wire import topology
from jobctl.store.wire.namespace import Namespace

if TYPE_CHECKING:
    import redis

    from jobctl.store.nouns.alerts import Alerts
    from jobctl.store.nouns.audit import Audit
    from jobctl.store.nouns.carried import Carried
    from jobctl.store.nouns.dead import Dead
    from jobctl.store.nouns.deployed import Deployed
    from jobctl.store.nouns.events import Events
    from jobctl.store.nouns.expiry import Expiry
    from jobctl.store.nouns.ghosts import Ghosts
    from jobctl.store.nouns.indexes import Indexes
    from jobctl.store.nouns.jobs import Jobs
    from jobctl.store.nouns.limits import Limits
    from jobctl.store.nouns.logs import Logs
    from jobctl.store.nouns.notes import Notes
    from jobctl.store.nouns.once import Once
    from jobctl.store.nouns.operations import Operations
    from jobctl.store.nouns.pauses import Pauses
    from jobctl.store.nouns.processes import Processes
    from jobctl.store.nouns.progress import Progress
    from jobctl.store.nouns.published import Published
    from jobctl.store.nouns.queues import Queues
    from jobctl.store.nouns.schedules import Schedules
    from jobctl.store.nouns.server import Server
    from jobctl.store.nouns.settle import Settle
    from jobctl.store.nouns.stats import Stats
    from jobctl.store.nouns.stock import Stock
    from jobctl.store.nouns.ticks import Ticks


class Store(Namespace):
    """A namespace with its nouns."""

    def with_client(self, client: redis.Redis) -> Store:
        """The same namespace through another client (other time-outs, a blocking connection)."""
        other = Store(client, self.namespace, rules=self.rules, index_key=self.index_key)
        other.keys, other.mint, other._seen = self.keys, self.mint, self._seen
        other.origin = self.origin
        topology.bind(client, self.keys.token())
        return other

    def within(self, operation: str, latest_ms: int | None = None) -> Store:
        """The same, for changes that are a part of an operation, which was planned at that time."""
        other = self.with_client(self.connection)
        other.origin = replace(self.origin, operation=operation, latest_ms=latest_ms)
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
    def deployed(self) -> Deployed:
        from jobctl.store.nouns.deployed import Deployed

        return Deployed(self)

    @cached_property
    def published(self) -> Published:
        from jobctl.store.nouns.published import Published

        return Published(self)

    @cached_property
    def queues(self) -> Queues:
        from jobctl.store.nouns.queues import Queues

        return Queues(self)

    @cached_property
    def dead(self) -> Dead:
        from jobctl.store.nouns.dead import Dead

        return Dead(self)

    @cached_property
    def ghosts(self) -> Ghosts:
        from jobctl.store.nouns.ghosts import Ghosts

        return Ghosts(self)

    @cached_property
    def processes(self) -> Processes:
        from jobctl.store.nouns.processes import Processes

        return Processes(self)

    @cached_property
    def schedules(self) -> Schedules:
        from jobctl.store.nouns.schedules import Schedules

        return Schedules(self)

    @cached_property
    def ticks(self) -> Ticks:
        from jobctl.store.nouns.ticks import Ticks

        return Ticks(self)

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
    def alerts(self) -> Alerts:
        from jobctl.store.nouns.alerts import Alerts

        return Alerts(self)

    @cached_property
    def indexes(self) -> Indexes:
        from jobctl.store.nouns.indexes import Indexes

        return Indexes(self)

    @cached_property
    def notes(self) -> Notes:
        from jobctl.store.nouns.notes import Notes

        return Notes(self)

    @cached_property
    def operations(self) -> Operations:
        from jobctl.store.nouns.operations import Operations

        return Operations(self)

    @cached_property
    def carried(self) -> Carried:
        from jobctl.store.nouns.carried import Carried

        return Carried(self)

    @cached_property
    def server(self) -> Server:
        from jobctl.store.nouns.server import Server

        return Server(self)

    @cached_property
    def stats(self) -> Stats:
        from jobctl.store.nouns.stats import Stats

        return Stats(self)

    @cached_property
    def stock(self) -> Stock:
        from jobctl.store.nouns.stock import Stock

        return Stock(self)
