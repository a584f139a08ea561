"""What a command works with: settings, streams, and the catalog and store, opened when first asked for."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from jobctl import names
from jobctl.cli.view.screen import Output, Times
from jobctl.errors import JobctlError, RedisUnavailable, Refused, UsageError
from jobctl.settings import Settings
from jobctl.urls import redacted

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.cli.view.table import Column
    from jobctl.store import Store
    from jobctl.store.data.origin import Origin


__all__ = ["Context", "Output", "Times", "explain"]


@dataclass(frozen=True, slots=True)
class Context:
    """One invocation. Commands get it as their first argument and pass parts of it on, never globals."""

    settings: Settings
    output: Output = Output.TABLE
    times: Times = Times.RELATIVE
    quiet: bool = False
    verbosity: int = 0
    acting: str = ""
    """The bot that does this, for the audit log."""
    stdin: TextIO = field(default_factory=lambda: sys.stdin)
    stdout: TextIO = field(default_factory=lambda: sys.stdout)
    stderr: TextIO = field(default_factory=lambda: sys.stderr)
    _opened: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def stdout_is_tty(self) -> bool:
        """Whether a person reads stdout."""
        return self.stdout.isatty()

    @property
    def can_ask(self) -> bool:
        """Whether a person can answer: stdin and stderr are a terminal."""
        return self.stdin.isatty() and self.stderr.isatty()

    @property
    def color(self) -> bool:
        """Whether stdout gets colours."""
        return self.settings.color and self.stdout_is_tty

    def catalog(self) -> Catalog:
        """The catalog. Raises CatalogError with every problem, UsageError when there is none."""
        found = self.catalog_if_any()
        if found is None:
            raise UsageError(
                f"no catalog at {self.settings.catalog_path}",
                "create one with `jobctl init`, or pass --catalog",
            )
        return found

    def catalog_if_any(self) -> Catalog | None:
        """The catalog; None if none is named and there is none here. A broken one still raises."""
        path = self.settings.catalog_path
        if "catalog" not in self._opened:
            if not path.exists() and not self.settings.catalog_given:
                return None
            from jobctl.catalog.compiled import load

            self._opened["catalog"] = load(path, self.settings.cache_dir)
        found: Catalog = self._opened["catalog"]
        return found

    def redis_url(self) -> str:
        """The configured Redis, or else this project's embedded server. Raises RedisUnavailable."""
        if "url" not in self._opened:
            from jobctl.ops.connect import redis_url

            self._opened["url"] = redis_url(self.settings)
        return str(self._opened["url"])

    def namespace(self) -> str:
        """The namespace: flag, environment, profile, catalog or the default, in this order."""
        from jobctl.ops.connect import namespace

        catalog = None if self.settings.namespace else self.catalog_for_a_look()
        return namespace(self._settled(), catalog)

    def catalog_for_a_look(self) -> Catalog | None:
        """The catalog, or None without one. A broken one is told once, and then it is as if there were none, but that
        all payloads are hidden: what it hides is not known.

        Raises CatalogError for a broken one whose namespace cannot be read, unless one was named.
        """
        if "broken" not in self._opened:
            from jobctl.catalog.problems import CatalogError

            try:
                return self.catalog_if_any()
            except CatalogError as error:
                if not self.settings.namespace and _namespace_in(self.settings.catalog_path) is None:
                    raise
                self._opened["broken"] = error
                self.say(f"{error.message}: continuing without the catalog, with payloads hidden; {error.hint}")
        return None

    @property
    def is_broken(self) -> bool:
        """Whether there is a catalog that cannot be used, so that the command works without it."""
        return "broken" in self._opened

    def _settled(self) -> Settings:
        """The settings, with the namespace that a broken catalog names."""
        if self.settings.namespace or not self.is_broken:
            return self.settings
        return replace(self.settings, namespace=_namespace_in(self.settings.catalog_path))

    def store(self, *, retries: int = 0, timeout_s: float | None = None) -> Store:
        """The store, connected at its first command; every call with the same arguments returns the same.

        `retries` repeats a command whose connection broke: only for commands that may run twice.
        `timeout_s` is for one that blocks: more seconds than it blocks. Raises RedisUnavailable.
        """
        key = f"store {retries} {timeout_s}"
        if key not in self._opened:
            from jobctl.ops.connect import open_store

            catalog = None if self.settings.namespace else self.catalog_for_a_look()
            url = self.redis_url()
            store = open_store(
                self._settled(), catalog, url=url, retries=retries, timeout_s=timeout_s, health_check_s=0
            )
            store.rules = self._redacted
            store.origin = self._origin()
            self._opened[key] = store
        opened: Store = self._opened[key]
        return opened

    def because(self, reason: str) -> None:
        """Why this command changes something; said before the store is opened, and after `require_writable` if it is to
        change something. Raises Refused where the profile needs a reason."""
        if self.settings.require_reason and self._opened.get("writes") and not reason.strip():
            raise Refused(f"profile {self.settings.profile} needs a reason for this", "give it with --reason TEXT")
        self._opened["reason"] = reason

    def _origin(self) -> Origin:
        """What the audit log says of this command: what was typed, without secrets."""
        from jobctl.store.data.origin import Origin

        typed = sys.argv[1:]
        if "--unredacted" in typed:
            from jobctl.ops.filters.lex import masked

            typed = [masked([word]) if "args." in word else word for word in typed]
        words = [redacted(word) if "://" in word else word for word in typed]
        return Origin(
            command=shlex.join(["jobctl", *words]),
            profile=self.settings.profile or "",
            reason=self._opened.get("reason", ""),
            acting=self.acting,
        )

    def catalog_if_sound(self) -> Catalog | None:
        """The catalog, or None where there is none or it cannot be used: for callers that can do without it."""
        with suppress(UsageError):
            return self.catalog_if_any()
        return None

    def _redacted(self, job_type: str) -> tuple[str, ...]:
        """What the catalog hides of a job type's payloads: everything if it is broken. It is read only now."""
        if "shown" not in self._opened:
            self._opened["shown"] = None
            with suppress(UsageError):
                self._opened["shown"] = self.catalog_for_a_look()
        catalog: Catalog | None = self._opened["shown"]
        if self.is_broken:
            return ("*",)
        return catalog.redacted(job_type) if catalog else ()

    def require_writable(self, what: str = "change anything") -> None:
        """Raise Refused under a read-only profile, CatalogError for a broken catalog unless a namespace was named.

        `what` completes "the profile does not let you …".
        """
        self._opened["writes"] = True
        if self.settings.read_only:
            raise Refused(
                f"profile {self.settings.profile} is read-only: you cannot {what}",
                "choose another with --profile",
            )
        if not self.settings.namespace:
            self.catalog_if_any()

    def emit(self, records: Any, columns: Sequence[Column], *, empty: str = "") -> None:
        """Write a record, or a list of them, to stdout in the chosen format. See output.emit."""
        from jobctl.cli.view.output import emit

        emit(self, records, columns, empty=empty)

    def say(self, text: str) -> None:
        """Words for a person, on stderr; silent under -q."""
        if not self.quiet:
            from jobctl.text import sanitize

            self.stderr.write(f"{sanitize(text, newlines=True, limit=None)}\n")
            self.stderr.flush()

    def close(self) -> None:
        """Give connections back."""
        for key, thing in self._opened.items():
            if key.startswith("store"):
                thing.connection.close()
        self._opened.clear()


_NAMESPACE = re.compile(rf"^namespace:\s*['\"]?({names.NAME})['\"]?\s*(?:#.*)?$", re.MULTILINE)


def _namespace_in(catalog: Path) -> str | None:
    """The namespace that a catalog names, however broken the rest of it is."""
    try:
        found = _NAMESPACE.search(catalog.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
    return found[1] if found else None


def explain(error: Exception, ctx: Context) -> JobctlError | None:
    """The JobctlError that a driver's error means, with this invocation's URL; None for any other error.

    The store maps its errors without knowing the URL: those get it here.
    """
    if "jobctl.store.wire.connection" not in sys.modules:
        return None
    from jobctl.store.wire import connection

    url = ctx.settings.redis_url or ctx._opened.get("url", "")
    if isinstance(error, RedisUnavailable):
        what = error.message.removeprefix(f"{connection.NAMELESS} ")
        return RedisUnavailable(f"{redacted(url)} {what}", error.hint) if url and what != error.message else None
    return connection.translate(error, url)
