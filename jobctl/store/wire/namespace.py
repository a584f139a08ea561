"""One namespace of one Redis: what every noun stands on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jobctl import redaction
from jobctl.store.data.ids import Mint, write
from jobctl.store.wire import topology
from jobctl.store.wire.connection import mapping
from jobctl.store.wire.keys import Keys
from jobctl.store.wire.script import MAX_BUILT, Argument, Call, Runner, Script, load

if TYPE_CHECKING:
    import redis


class Namespace:
    """A namespace in Redis: its connection, its keys and how scripts are run on them. Thread-safe.

    Every call raises RedisUnavailable when Redis is away or refuses.
    """

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

    def registered(self) -> list[str]:
        """The queues that jobctl wrote to or serves, sorted."""
        with mapping():
            return sorted(name.decode("utf-8", "replace") for name in self.client.smembers(self.keys.queues()))
