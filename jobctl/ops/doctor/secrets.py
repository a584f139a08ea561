"""Which payload keys sound like secrets and are not redacted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from jobctl.catalog.templates import keys_read, undeclared_names
from jobctl.redaction import covers

if TYPE_CHECKING:
    from jobctl.catalog.model import JobType

_WORDS = (
    "password", "passwd", "passphrase", "secret", "token", "apikey", "api_key", "credential", "credentials",
    "authorization", "cvv", "cvc", "iban", "ssn", "card_number", "private_key",
)  # fmt: skip
_SOUNDS = re.compile(rf"(^|[_.-])({'|'.join(_WORDS)})($|[_.-])", re.IGNORECASE)
DEEPEST = 5


def exposed(job: JobType) -> list[str]:
    """The keys of a type's payload, by its schema and its label, that sound like secrets and are shown."""
    keys = dict.fromkeys(_keys(job.payload_schema or {}))
    if job.label is not None:
        read = (undeclared_names(job.label) - {"payload", "job"}) | keys_read(job.label, "payload")
        keys |= dict.fromkeys(sorted(read))
    return [key for key in keys if _SOUNDS.search(key) and not any(covers(pattern, key) for pattern in job.redact)]


def _keys(schema: Mapping[str, Any], before: str = "", depth: int = 0) -> Iterator[str]:
    """The dotted keys that a schema names."""
    properties = schema.get("properties")
    for name, inner in properties.items() if isinstance(properties, Mapping) and depth < DEEPEST else ():
        yield f"{before}{name}"
        if isinstance(inner, Mapping):
            yield from _keys(inner, f"{before}{name}.", depth + 1)
