"""A job's result as it is kept: bounded JSON."""

from __future__ import annotations

import msgspec

MAX_RESULT_BYTES = 65_536

_encode = msgspec.json.Encoder().encode


def encode_result(result: object) -> bytes | None:
    """A result as bounded JSON; what is not JSON, or too large, is replaced by a note that says so."""
    if result is None:
        return None
    try:
        data = _encode(result)
    except (TypeError, ValueError, RecursionError):
        data = _encode({"$unencodable": type(result).__name__})
    if len(data) > MAX_RESULT_BYTES:
        return _encode({"$too_large": len(data), "limit": MAX_RESULT_BYTES})
    return data
