"""One namespace of one Redis: what every noun stands on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import redis

from jobctl import redaction
from jobctl.errors import WrongKind
from jobctl.names import of_queues
from jobctl.store.data.ids import Mint, write
from jobctl.store.data.origin import NOBODY
from jobctl.store.wire import layout, topology
from jobctl.store.wire.connection import mapping
from jobctl.store.wire.keys import Keys
from jobctl.store.wire.kinds import explain, is_wrong_kind
from jobctl.store.wire.pace import Pace
from jobctl.store.wire.script import MAX_BUILT, Argument, Call, Runner, Script, load


class Namespace:
    """A namespace in Redis: its connection, its keys and how scripts are run on them. Thread-safe.

    Every call raises RedisUnavailable when Redis is away or refuses.
    """

    def __init__(
        self,
        client: redis.Redis,
        namespace: str,
        *,
        cluster: bool = False,
        rules: redaction.Rules = redaction.unruled,
        index_key: bytes = b"",
    ) -> None:
        """`rules` knows what a catalog hides of a type's payloads; bodies that say it themselves need none. `index_key`
        is the secret key of indexes of values that are hidden; without it, there are none."""
        self.connection: Any = client
        """The client itself. Nothing was looked at yet: `client` is for commands."""
        self.namespace = namespace
        self.keys = Keys(namespace, cluster=cluster)
        if cluster:
            topology.bind(client, self.keys.token())
        self.mint = Mint()
        self.rules = rules
        self.index_key = index_key
        self.origin = NOBODY
        self.pace = Pace()
        self._seen = False
        self._runner = Runner(client)
        self._built: dict[tuple[str, tuple[str, ...]], tuple[str, ...]] = {}

    @property
    def client(self) -> Any:  # redis-py types each reply as all that any setting could make of it
        """For reading, and for writes that a script has gone before. The first use looks at the layout.

        Raises OtherLayout.
        """
        if not self._seen:
            self.look()
        return self.connection

    @property
    def writer(self) -> Any:
        """For writes outside of scripts: one of them may be the first of all. Raises OtherLayout."""
        self._found()
        return self.connection

    def look(self) -> None:
        """See whether this version can work with what is in the namespace, in one round trip. Raises OtherLayout."""
        found, marks = self._read_layout()
        if found is not None or marks:
            self._accept(str(layout.FIRST) if found is None else found.decode())
        self._seen = True

    def is_untouched(self) -> bool:
        """Whether jobctl has never written anything here; stock Dramatiq may have."""
        found, marks = self._read_layout()
        return found is None and not marks

    def _read_layout(self) -> tuple[bytes | None, int]:
        """The number of the layout, and how many of the marks of a namespace without a number are there."""
        with mapping():
            pipe = self.connection.pipeline(transaction=False)
            pipe.get(self.keys.layout())
            pipe.exists(*layout.marks(self.keys))
            found, marks = pipe.execute()
        return found, int(marks)

    def _found(self) -> None:
        """Write the layout of an empty namespace. Raises OtherLayout for one that has another."""
        call = self.call("found", (), layout.LAYOUT, layout.NOTICE)
        with mapping():
            self._accept(self._runner.run(call).decode())
        self._seen = True

    def _accept(self, found: str) -> None:
        if found != str(layout.LAYOUT):
            raise layout.other(self.namespace, found)

    def call(self, script: str, queues: str | Sequence[str], *args: Argument) -> Call:
        """Prepare a script call for one queue, or for several if the script takes several."""
        loaded = load(script)
        served = (queues,) if isinstance(queues, str) else tuple(queues)
        sent = tuple([write(arg) if isinstance(arg, str) and not arg.isascii() else arg for arg in args])
        return Call(loaded, self._keys_for(loaded, served), sent, served[0] if served else "")

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
        call = self.call(script, queues, *args)
        if call.script.reads and not self._seen:
            self.look()
        with mapping():
            try:
                return self._runner.run(call)
            except redis.ResponseError as error:
                if is_wrong_kind(error):
                    raise self._wrong_kind(call) from error
                if not layout.is_refusal(error):
                    raise
                self._settle(error)
                return self._runner.run(call)

    def run_many(self, calls: Sequence[Call]) -> list[Any]:
        """Run several scripts in one round trip; each is atomic by itself. All run before an error is raised."""
        if not calls:
            return []
        if not self._seen and any(call.script.reads for call in calls):
            self.look()
        with mapping():
            replies = self._runner.run_many(calls)
            refused = [at for at, reply in enumerate(replies) if layout.is_refusal(reply)]
            if refused:
                self._settle(replies[refused[0]])
                for at, reply in zip(refused, self._runner.run_many([calls[at] for at in refused]), strict=True):
                    replies[at] = reply
            for call, reply in zip(calls, replies, strict=True):
                if isinstance(reply, Exception):
                    raise self._wrong_kind(call) if is_wrong_kind(reply) else reply
        return replies

    def _wrong_kind(self, call: Call) -> WrongKind:
        """The error of a script that met a key of another type."""
        served = (len(call.keys) - 1 - len(call.script.keys)) // max(1, len(call.script.keys_each))
        named = ("layout", *call.script.keys, *(call.script.keys_each * served))
        passed = zip(named, call.keys, strict=True)
        beside = zip(call.script.keys_late, call.script.keys_beside(self.keys, call.queue), strict=True)
        return explain(self.connection, [*passed, *beside])

    def _settle(self, refusal: Exception) -> None:
        """A script refused to work. It may be sent again if the namespace was empty.

        Raises OtherLayout.
        """
        found = layout.found_by(refusal)
        if found is not None:
            raise layout.other(self.namespace, found)
        self._found()

    def block(self, keys: Sequence[str | bytes], timeout_s: float) -> bytes | None:
        """Block until one of the lists has an element, and take it; which list, or None when time ran out."""
        with mapping():
            reply = self.client.blpop(list(keys), timeout=max(0.001, timeout_s))
        return None if reply is None else bytes(reply[0])

    def interrupt(self) -> None:
        """Make what blocks in another thread end now, with RedisUnavailable: its connections are closed."""
        pool = getattr(self.connection, "connection_pool", None)
        if pool is not None:
            pool.disconnect()

    def registered(self) -> list[str]:
        """The queues that jobctl wrote to or serves, sorted. What cannot be a queue's name is passed over."""
        with mapping():
            return sorted(of_queues(self.client.smembers(self.keys.queues())))
