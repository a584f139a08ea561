"""Loads the Lua scripts and runs them. A script's header is its contract: KEYS, ARGV, what it returns, what it costs.

`-- INCLUDE:` names the fragments whose functions a file calls; a fragment may include others. Making a function costs
a call some 0.2 µs, called or not: those of the fragments that `-- INCLUDE-LATE:` names are made when `late()` is first
called, which returns them in a table, `late().forget(…)`; they are for what few calls need. `-- KEYS:` names the keys
(functions of `Keys`) that a file itself uses: those of a fragment come with it. The loader turns the names into the
table K. A key costs a call some 0.3 µs, used or not, so those of late fragments are not passed: `late()` puts them
together from one that is. A script with `-- KEYS-EACH:` serves several queues: keys of queues, its own and those of its
fragments, are in Q, a table for each queue, which falls back to K for those of the namespace.

Each script refuses a namespace of another layout before anything else, unless it says `-- ANY-LAYOUT`. One that says
`-- READS` changes nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import hiredis
import msgspec
import redis

from jobctl import names
from jobctl.store.wire import layout
from jobctl.store.wire.keys import Keys
from jobctl.store.wire.one_each import NAMESPACE_KEYS

Argument = str | bytes | int | float

MAX_BUILT = 1_024
"""Key lists that are remembered."""


@dataclass(frozen=True, slots=True)
class Script:
    """One operation on Redis, as Lua source with the names of its keys."""

    name: str
    source: str
    sha: str
    keys: tuple[str, ...]
    keys_each: tuple[str, ...]
    reads: bool
    """It changes nothing."""
    keys_late: tuple[str, ...] = ()
    """Keys that are not passed: they are put together when they are needed."""

    def keys_for(self, keys: Keys, queues: Sequence[str]) -> list[str]:
        """The KEYS of a call for `queues`; a script without KEYS-EACH serves exactly one queue (or none)."""
        queue = "" if self.keys_each or not queues else queues[0]
        out = [keys.layout(), *(_resolve(keys, name, queue) for name in self.keys)]
        if self.keys_each:
            around = [_resolve(keys, name, _STAND_IN).rpartition(_STAND_IN) for name in self.keys_each]
            for each in map(names.queue, queues):
                out += [f"{before}{each}{after}" for before, _, after in around]
        return out

    def keys_beside(self, keys: Keys, queue: str) -> list[str]:
        """The keys that a call for `queue` may touch beside those that are passed, in the order of `keys_late`."""
        return [_resolve(keys, name, queue) for name in self.keys_late]


_STAND_IN = "the-name-of-a-queue"


def _resolve(keys: Keys, name: str, queue: str) -> str:
    key = getattr(keys, name)
    return str(key() if name in NAMESPACE_KEYS else key(queue))


def _read(name: str) -> str:
    return (resources.files("jobctl.store") / "scripts" / f"{name}.lua").read_text(encoding="utf-8")


def _header(source: str, field: str) -> tuple[str, ...]:
    mark = f"-- {field}:"
    return tuple(next((line[len(mark) :].split() for line in source.splitlines() if line.startswith(mark)), ()))


def _keys_of(files: Sequence[str]) -> dict[str, None]:
    return dict.fromkeys(key for name in files for key in _header(_read(name), "KEYS"))


def _beside(late: Sequence[str], queue_key: str) -> list[str]:
    """Lua that adds keys to K which are not passed. `queue_key` is the name of one of the queue's that is."""
    model = Keys("")
    before, _, after = _resolve(model, queue_key, _STAND_IN).partition(_STAND_IN)
    lines = [
        f"local namespace = string.sub(KEYS[1], 1, {-len(model.layout()) - 1})",
        f"local queue = string.sub(K.{queue_key}, #namespace + {len(before) + 1}, {-len(after) - 1})",
    ]
    for name in late:
        start, _, end = _resolve(model, name, _STAND_IN).partition(_STAND_IN)
        of_queue = f" .. queue .. '{end}'" if name not in NAMESPACE_KEYS else ""
        lines.append(f"K.{name} = namespace .. '{start}'{of_queue}")
    return lines


_TOP = re.compile(r"^local (?:function )?(\w+)", re.MULTILINE)
_ANY_LAYOUT, _READS = "-- ANY-LAYOUT", "-- READS"


def parts(name: str) -> tuple[str, ...]:
    """A script's files in the order in which they are put together: what a file includes comes before it."""
    found = _including((name,), {})
    late = any(_header(_read(each), "INCLUDE-LATE") for each in found)
    first = ("_common", "_budget") if late or "_budget" in found else ("_common",)
    return tuple(dict.fromkeys((*first, *found)))


def late_parts(eager: Sequence[str]) -> tuple[str, ...]:
    """The files that are put together only when a call needs them, beside those that always are."""
    found = dict.fromkeys(eager)
    todo = list(eager)
    while todo:
        named = _header(_read(todo.pop()), "INCLUDE-LATE")
        before = len(found)
        _including(named, found)
        todo += list(found)[before:]
    return tuple(found)[len(eager) :]


def _including(names: Sequence[str], found: dict[str, None]) -> dict[str, None]:
    """`found`, with these files and what they include, which comes before them."""
    for name in names:
        if name not in found:
            _including(_header(_read(name), "INCLUDE"), found)
            found[name] = None
    return found


def _late(eager: Sequence[str], late: Sequence[str], keys: Sequence[str]) -> list[str]:
    """The function `late`. It sees what stands before it, so it comes after all other fragments. `keys` adds to K those
    of its own."""
    named = dict.fromkeys(name for part in (*eager, *late) for name in _header(_read(part), "INCLUDE-LATE"))
    if not named:
        return []
    made = [name for part in named for name in _TOP.findall(_read(part))]
    table = ", ".join(f"{name} = {name}" for name in made)
    found = [_read(part) for part in late]
    return [
        "late = function()",
        *keys,
        *found,
        f"local made = {{ {table} }}",
        "late = function() return made end",
        "return made",
        "end",
    ]


@cache
def load(name: str) -> Script:
    """Read a script and put the look at the layout, the tables of its keys and its fragments before its body."""
    eager = parts(name)
    late = late_parts(eager)
    named, at_once = _keys_of((*late, *eager)), _keys_of(eager)
    main = _read(name)
    each = dict.fromkeys(_header(main, "KEYS-EACH"))
    if each:
        each |= {key: None for key in named if key not in NAMESPACE_KEYS}
    anchor = next((key for key in at_once if key not in NAMESPACE_KEYS), None)
    beside = tuple(key for key in named if key not in at_once) if anchor and not each else ()
    keys, keys_each = tuple(key for key in named if key not in each and key not in beside), tuple(each)
    marks = main.splitlines()
    head = [] if _ANY_LAYOUT in marks else [layout.guard(reads=_READS in marks)]
    head.append("local K = {" + ", ".join(f"{key} = KEYS[{place}]" for place, key in enumerate(keys, 2)) + "}")
    if each:
        own = ", ".join(f"{key} = KEYS[at + {place}]" for place, key in enumerate(keys_each, 1))
        head += [
            "local Q, of_namespace = {}, {__index = K}",
            f"for at = {len(keys) + 1}, #KEYS - 1, {len(each)} do",
            f"  Q[#Q + 1] = setmetatable({{{own}}}, of_namespace)",
            "end",
        ]
    fragments = [_read(part) for part in eager[:-1]]
    source = "\n".join(
        [
            *head,
            "local late",
            *fragments,
            *_late(eager, late, _beside(beside, anchor) if anchor and beside else []),
            main,
        ]
    )
    sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
    return Script(name, source, sha, keys, keys_each, _READS in marks, beside)


class Call(msgspec.Struct, frozen=True):
    """One script call, ready to be sent: alone or in a pipeline with others. `queue` is the first that it serves."""

    script: Script
    keys: tuple[str, ...]
    args: tuple[Argument, ...]
    queue: str = ""


class Runner:
    """Runs script calls on a client, loading a script when the server does not know it."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self._pool = client.connection_pool if type(client) is redis.Redis else None
        self._heads: dict[tuple[str, tuple[str, ...]], bytes] = {}

    def run(self, call: Call) -> Any:
        """Run one call. Raises redis.RedisError."""
        try:
            return self._send(call)
        except redis.exceptions.NoScriptError:
            self.client.script_load(call.script.source)
            return self._send(call)

    def _send(self, call: Call) -> Any:
        if self._pool is None:
            return self._evalsha(self.client, call)
        return self._talk(self._pool, self._packed(call), lambda connection: connection.read_response())

    def _talk(self, pool: Any, packed: bytes, read: Callable[[Any], Any]) -> Any:
        """As `execute_command` of redis-py, with the same retries, for a third of its time.

        Most of a call are the names of its keys, the same each time: they are packed once.
        """
        connection, whole = pool.get_connection(), False

        def ask() -> Any:
            connection.send_packed_command((packed,))
            return read(connection)

        try:
            answer = connection.retry.call_with_retry(ask, lambda _error: connection.disconnect())
            whole = True
        except redis.ResponseError:
            whole = True
            raise
        finally:
            if not whole:  # a job's time limit, raised between the question and its answer, which the next would get
                connection.disconnect()
            pool.release(connection)
        return answer

    def _packed(self, call: Call) -> bytes:
        """The command as RESP: its length, the script and its keys, the arguments."""
        known = (call.script.sha, call.keys)
        head = self._heads.get(known)
        if head is None:
            if len(self._heads) >= MAX_BUILT:
                self._heads.clear()
            head = _items(("EVALSHA", call.script.sha, len(call.keys), *call.keys))
            self._heads[known] = head
        return b"*%d\r\n%b%b" % (3 + len(call.keys) + len(call.args), head, _items(call.args) if call.args else b"")

    def run_many(self, calls: Sequence[Call]) -> list[Any]:
        """Run calls in one round trip, each atomic by itself. A call's error is its reply."""
        results = self._pipeline(calls)
        missing = [i for i, r in enumerate(results) if isinstance(r, redis.exceptions.NoScriptError)]
        if missing:
            for source in {calls[i].script.source for i in missing}:
                self.client.script_load(source)
            for i, result in zip(missing, self._pipeline([calls[i] for i in missing]), strict=True):
                results[i] = result
        return results

    def _pipeline(self, calls: Sequence[Call]) -> list[Any]:
        if self._pool is not None:
            packed = b"".join([self._packed(call) for call in calls])
            return list(self._talk(self._pool, packed, lambda connection: [_answer(connection) for _ in calls]))
        pipe = self.client.pipeline(transaction=False)
        for call in calls:
            self._evalsha(pipe, call)
        return list(pipe.execute(raise_on_error=False))

    @staticmethod
    def _evalsha(target: Any, call: Call) -> Any:
        return target.execute_command("EVALSHA", call.script.sha, len(call.keys), *call.keys, *call.args)


def _answer(connection: Any) -> Any:
    """The next reply; an error of the call is one, too."""
    try:
        return connection.read_response()
    except redis.ResponseError as error:
        return error


def _items(parts: tuple[Argument, ...]) -> bytes:
    """Values as RESP, without the count before them."""
    packed: bytes = hiredis.pack_command(parts)  # type: ignore[arg-type]  # its stub says: a tuple of one
    return packed.partition(b"\r\n")[2]
