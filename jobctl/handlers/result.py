"""A job's result as it is stored: bounded JSON."""

from __future__ import annotations

import msgspec

from jobctl.scrubbing import Scrubber

MAX_RESULT_BYTES = 65_536

_encode = msgspec.json.Encoder().encode


def encode_result(result: object, using: Scrubber | None = None) -> bytes | None:
    """A result as bounded JSON, scrubbed; what is not JSON, or too large, is replaced by a note that says so."""
    if result is None:
        return None
    try:
        data = _encode(result)
    except (TypeError, ValueError, RecursionError):
        data = _encode({"$unencodable": type(result).__name__})
    if using is not None and len(data) <= MAX_RESULT_BYTES:
        data = _encode(using.value(msgspec.json.decode(data)))
    if len(data) > MAX_RESULT_BYTES:
        return _encode({"$too_large": len(data), "limit": MAX_RESULT_BYTES})
    return data
