"""What a kind of handler says of itself to the catalog."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

if TYPE_CHECKING:
    from jobctl.catalog.problems import Path
    from jobctl.catalog.report import Report
    from jobctl.catalog.shapes import Field


class Spec(msgspec.Struct, frozen=True):
    """What the catalog says of one job type's handler: frozen values. The tag of each kind's is its name."""

    @property
    def kind(self) -> str:
        """The name of the kind."""
        return str(type(self).__struct_config__.tag)

    @property
    def message_name(self) -> str | None:
        """The name that its messages carry, where that is another than the job type's."""
        return None


class External(msgspec.Struct, frozen=True):
    """`{env: NAME}` or `{file: PATH}`: a value read when the job runs, never stored in Redis."""

    kind: str  # env | file
    name: str


class Kind(ABC):
    """One kind. `templates`: its texts may be templates over the payload. `isolates`: a job of it may have a process
    of its own. `misplaced` explains keys of this kind that stand beside it, in the job type."""

    spec: ClassVar[type[Spec]]
    templates: ClassVar[bool] = False
    isolates: ClassVar[bool] = False
    misplaced: ClassVar[Mapping[str, str]] = {}

    @property
    def name(self) -> str:
        """Its key under `jobs:`."""
        return str(self.spec.__struct_config__.tag)

    @abstractmethod
    def field(self) -> Field:
        """How its value is read, and what it means."""

    @abstractmethod
    def read(self, value: Any, path: Path, report: Report) -> Spec:
        """The handler that a value of that form means; what is wrong with it goes to the report."""

    def target(self, _spec: Any) -> str | None:
        """The `module:name` that a worker imports for it, if there is one."""
        return None

    def unfit(self, target: str, found: Any) -> tuple[str, str] | None:
        """Why what a target names cannot be run, with a hint; None if it can."""
        if callable(found):
            return None
        return f"expected something to call, found `{target}`, a {type(found).__name__}", ""


class TargetKind(Kind):
    """A kind whose value is a `module:name`, which its spec calls `target`."""

    what: ClassVar[str]

    def field(self) -> Field:
        from jobctl.catalog.readers import TARGET
        from jobctl.catalog.shapes import Field

        return Field(TARGET, self.what)

    def read(self, value: Any, _path: Path, _report: Report) -> Spec:
        return self.spec(value)

    def target(self, spec: Any) -> str:
        return str(spec.target)


def read_secrets(values: Mapping[str, Any], path: Path, report: Report) -> dict[str, str | External]:
    """Values of env or headers: text as it is, `{env: NAME}` and `{file: PATH}` as External."""
    read: dict[str, str | External] = {}
    for name, value in values.items():
        if isinstance(value, str):
            read[name] = value
        elif len(value) == 1:
            read[name] = External(*next(iter(value.items())))
        else:
            found = "both" if value else "an empty mapping"
            report.add((*path, name), f"expected `{{env: NAME}}` or `{{file: PATH}}`, found {found}")
    return read
