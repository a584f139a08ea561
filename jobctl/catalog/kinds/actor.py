"""`actor: module:name`: an existing Dramatiq actor."""

from __future__ import annotations

from typing import Any

from jobctl.catalog.kinds.base import Spec, TargetKind


class ActorSpec(Spec, frozen=True, tag="actor"):
    """`actor: module:name`: an existing Dramatiq actor; stock messages match by actor name and queue."""

    target: str

    @property
    def message_name(self) -> str:
        """The actor's, unless it was given another than its function's."""
        return self.target.rpartition(":")[2]


class _ActorKind(TargetKind):
    spec = ActorSpec
    what = "An existing Dramatiq actor."

    def unfit(self, target: str, found: Any) -> tuple[str, str] | None:
        if hasattr(found, "actor_name") and hasattr(found, "send"):
            return None
        return f"expected a Dramatiq actor, found `{target}`, a {type(found).__name__}", "decorate it with @actor"


KIND = _ActorKind()
