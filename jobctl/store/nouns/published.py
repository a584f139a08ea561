"""What catalogs say of their queues and job types, for processes without a catalog: a stock Dramatiq worker on
JobctlBroker, a reader in another folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from jobctl.catalog.model import Keep
from jobctl.redaction import Patterns
from jobctl.store.data import ids
from jobctl.store.wire.connection import mapping

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog, JobType
    from jobctl.store.wire.namespace import Namespace

_KEEP, _REDACT = "keep|", "redact|"
_patterns = msgspec.json.Decoder(tuple[str, ...])


class Facts(msgspec.Struct, frozen=True):
    """What was published of a namespace: how long the ended jobs of a queue stay, and what is hidden of a type."""

    keeps: Mapping[str, Keep] = {}
    redactions: Mapping[str, Patterns] = {}

    def redacted(self, job_type: str) -> Patterns:
        return self.redactions.get(job_type, ())


class Published:
    """The published facts of a namespace."""

    def __init__(self, store: Namespace) -> None:
        self._store = store

    def publish(self, catalog: Catalog, queues: Iterable[str]) -> None:
        """Say what a catalog says of its queues and their types.

        That nothing is hidden of a type is not said: another catalog may know better, and a secret once written stays.
        """
        served = set(queues)
        said = {f"{_KEEP}{queue}": _encoded(catalog.queue(queue).keep) for queue in sorted(served)}
        for job_type in catalog.jobs.values():
            if job_type.queue in served and job_type.redact:
                for name in {job_type.name, job_type.handler.message_name or job_type.name}:
                    said[f"{_REDACT}{name}"] = msgspec.json.encode(job_type.redact)
        key = self._store.keys.published()
        with mapping():
            before = self._store.client.hmget(key, list(said)) if said else []
            changed = {field: new for (field, new), old in zip(said.items(), before, strict=True) if old != new}
            if changed:
                self._store.writer.hset(key, mapping=changed)
        self._publish_hooks(catalog, served)

    def _publish_hooks(self, catalog: Catalog, served: set[str]) -> None:
        """Say what the script that ends a job enqueues then, of the types of these queues; and no longer what was
        removed from them."""
        said, key = _hooks(catalog, served), self._store.keys.hooks()
        names = {_message_name(job) for job in catalog.jobs.values() if job.queue in served}
        with mapping():
            before = self._store.client.hgetall(key)
            changed = {field: text for field, text in said.items() if before.get(field.encode()) != text.encode()}
            gone = [old for old in before if ids.read(old).partition(" ")[0] in names and ids.read(old) not in said]
            if changed:
                self._store.writer.hset(key, mapping=changed)
            if gone:
                self._store.client.hdel(key, *gone)

    def facts(self) -> Facts:
        """Everything that was published. What cannot be read hides all, or is left out."""
        with mapping():
            raw = self._store.client.hgetall(self._store.keys.published())
        keeps, redactions = {}, {}
        for field, value in raw.items():
            kind, _, name = ids.read(field).partition("|")
            if f"{kind}|" == _KEEP and (keep := _keep(value)) is not None:
                keeps[name] = keep
            elif f"{kind}|" == _REDACT:
                redactions[name] = _hidden(value)
        return Facts(keeps, redactions)


def _hooks(catalog: Catalog, served: set[str]) -> dict[str, str]:
    """By `TYPE EVENT`, as _hooks.lua reads it: queue, priority and name of the job to enqueue, and what is hidden of
    its payload."""
    found = {}
    for job_type in catalog.jobs.values():
        for event, hook in job_type.hooks.items() if job_type.queue in served else ():
            target = catalog.jobs[hook.job]
            redact = f" {msgspec.json.encode(target.redact).decode()}" if target.redact else ""
            spec = f"{target.queue} {target.priority} {_message_name(target)}{redact}"
            found[f"{_message_name(job_type)} {event}"] = spec
    return found


def _message_name(job_type: JobType) -> str:
    return job_type.handler.message_name or job_type.name


def _encoded(keep: Keep) -> bytes:
    return f"{keep.completed_ms} {keep.count}".encode()


def _keep(value: bytes) -> Keep | None:
    age, _, count = value.decode("ascii", "replace").partition(" ")
    return Keep(int(age), int(count)) if age.isdecimal() and count.isdecimal() and len(value) < 40 else None


def _hidden(value: bytes) -> Patterns:
    try:
        return _patterns.decode(value)
    except ValueError:
        return ("*",)
