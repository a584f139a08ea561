"""Records in machine formats: JSON and YAML that are safe to show."""

from __future__ import annotations

from typing import Any

import msgspec

from jobctl.cli.view.sanitize import clean_json, scrub
from jobctl.text import sanitize


def to_json(value: Any, *, indent: int = 0) -> str:
    """A record (or several) as JSON text that is also safe to show. Instants are RFC 3339 UTC."""
    try:
        data = msgspec.json.encode(value)
    except (UnicodeEncodeError, OverflowError):
        data = _encode_odd(value)
    if indent:
        data = msgspec.json.format(data, indent=indent)
    return clean_json(data.decode())


def _encode_odd(value: Any) -> bytes:
    """For values out of foreign payloads that msgspec does not take: lone surrogates, huge numbers."""
    import json

    return json.dumps(scrub(msgspec.to_builtins(value)), ensure_ascii=False, separators=(",", ":")).encode()


def to_yaml(value: Any) -> str:
    """A record (or several) as YAML."""
    import yaml

    plain = scrub(msgspec.to_builtins(value))
    text: str = yaml.dump(
        plain,
        Dumper=yaml.CSafeDumper,
        sort_keys=False,
        allow_unicode=True,
        width=100,
        default_flow_style=False,
    )
    if sanitize(text, newlines=True, limit=None) != text:
        text = yaml.dump(plain, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=False)
    return text
