"""Checks of the server: its version, settings and state, and what it lets this user do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from jobctl.errors import RedisUnavailable
from jobctl.ops.doctor.check import Check

if TYPE_CHECKING:
    from jobctl.store import Store

OLDEST = (6, 2)
SLOW_MS = 20.0
SKEW_MS = 5_000
FULL, NEARLY_FULL = 0.95, 0.75
CANNOT_TELL = "cannot tell"
DOCTOR = "jobctl doctor"
ASK = "ask the administrator of the server"


def checks(store: Store) -> Iterator[Check]:
    """Checks of the server. Raises RedisUnavailable when it does not answer."""
    yield from state(store)
    yield _permissions(store.server.denied())
    yield _scripts(store)
    yield _clock(store.server.ahead_ms())


def state(store: Store) -> Iterator[Check]:
    """How the server is now. Raises RedisUnavailable when it does not answer."""
    yield _latency(store.server.latency_ms())
    info = store.server.info()
    yield from _of_info(store, info) if info is not None else _blind()


def _latency(ms: float) -> Check:
    found = f"answers in {ms:.1f} ms"
    if ms > SLOW_MS:
        return Check("redis", "warn", found, "run jobctl closer to Redis; every job costs round trips", command=DOCTOR)
    return Check("redis", "ok", found)


def _blind() -> Iterator[Check]:
    for name in ("version", "eviction", "durability", "disk", "memory", "role"):
        yield Check(name, "warn", f"{CANNOT_TELL}: INFO is not permitted", ASK)


def _of_info(store: Store, info: dict[str, Any]) -> Iterator[Check]:
    yield _version(info)
    yield _eviction(info)
    yield _durability(info, store.server.config)
    yield _disk(info)
    yield _memory(info)
    yield _role(info)


def _version(info: dict[str, Any]) -> Check:
    kind = "Valkey" if "valkey_version" in info else "Redis"
    version = str(info.get("valkey_version") or info.get("redis_version") or "")
    parts = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if len(parts) < 2:
        return Check("version", "warn", f"{CANNOT_TELL}: {kind} {version}", ASK)
    if parts < OLDEST:
        return Check("version", "fail", f"{kind} {version}", "jobctl needs Redis 6.2 or Valkey")
    return Check("version", "ok", f"{kind} {version}")


def _eviction(info: dict[str, Any]) -> Check:
    policy, limit = str(info.get("maxmemory_policy", "")), int(info.get("maxmemory", 0))
    advice = "set maxmemory-policy noeviction: at the limit, Redis deletes whole queues"
    if not policy:
        return Check("eviction", "warn", CANNOT_TELL, "maxmemory-policy must be noeviction")
    if policy == "noeviction":
        return Check("eviction", "ok", policy)
    return Check("eviction", "fail" if limit else "warn", policy + ("" if limit else ", without a maxmemory"), advice)


def _durability(info: dict[str, Any], config: Callable[[str], str | None]) -> Check:
    if "aof_enabled" not in info:
        return Check("durability", "warn", CANNOT_TELL, "appendonly must be yes")
    if not int(info["aof_enabled"]):
        save = config("save")
        snapshots = "snapshots only" if save else "nothing is kept on disk" if save == "" else "no append-only file"
        advice = "set appendonly yes: a crash of Redis loses accepted jobs"
        return Check("durability", "warn" if save is None else "fail", snapshots, advice)
    fsync = config("appendfsync")
    if fsync == "no":
        return Check("durability", "warn", "append-only file, never synced", "set appendfsync everysec or always")
    loss = {"always": "synced always", "everysec": "synced every second: a crash may lose that second"}
    return Check("durability", "ok", f"append-only file, {loss.get(fsync or '', f'{CANNOT_TELL} how often synced')}")


def _disk(info: dict[str, Any]) -> Check:
    names = ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status")
    failed = [name for name in names if info.get(name, "ok") != "ok"]
    if failed:
        return Check("disk", "fail", f"{', '.join(failed)} failed", "look at the server's log and its disk space")
    return Check("disk", "ok", "the last writes succeeded")


def _memory(info: dict[str, Any]) -> Check:
    used, limit = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    if not limit:
        return Check("memory", "ok", f"{used / 1e6:.0f} MB used, no limit set")
    share = used / limit
    found = f"{used / 1e6:.0f} of {limit / 1e6:.0f} MB used ({share:.0%})"
    if share < NEARLY_FULL:
        return Check("memory", "ok", found)
    return Check("memory", "fail" if share >= FULL else "warn", found, "raise maxmemory or remove jobs")


def _role(info: dict[str, Any]) -> Check:
    role = str(info.get("role", ""))
    if role in ("slave", "replica"):
        return Check("role", "fail", "a replica, which is read-only", "give the address of the primary")
    replicas = int(info.get("connected_slaves", 0))
    return Check("role", "ok", f"primary with {replicas} replicas" if replicas else "primary")


def _permissions(denied: list[str] | None) -> Check:
    if denied is None:
        return Check("permissions", "warn", f"{CANNOT_TELL}: MULTI is not permitted", ASK)
    if denied:
        shown = ", ".join(denied[:8]) + (f" and {len(denied) - 8} more" if len(denied) > 8 else "")
        return Check(
            "permissions", "fail", f"not permitted: {shown}", "allow them on this namespace's keys and channels"
        )
    return Check("permissions", "ok", "all commands that jobctl needs are permitted")


def _scripts(store: Store) -> Check:
    try:
        store.server.run_a_script()
    except RedisUnavailable as error:
        return Check("scripts", "fail", error.message, "allow EVALSHA and SCRIPT LOAD")
    return Check("scripts", "ok", "scripts load and run")


def _clock(ahead_ms: int) -> Check:
    if abs(ahead_ms) > SKEW_MS:
        side = "ahead of" if ahead_ms > 0 else "behind"
        found = f"Redis is {abs(ahead_ms) / 1000:.0f} s {side} this machine"
        return Check("clock", "warn", found, "sync both with NTP: Redis decides what is due")
    return Check("clock", "ok", f"{abs(ahead_ms)} ms apart")
