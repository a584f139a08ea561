"""The catalog's format as JSON Schema, for editors. Derived from the loader's own table of keys."""

from __future__ import annotations

from typing import Any

from jobctl.catalog.table import CATALOG


def json_schema() -> dict[str, Any]:
    """A JSON Schema (2020-12) of catalogs. Looser than `load`, which also checks what spans several keys."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "jobctl catalog",
        "description": "Which jobs exist, how they retry and when they run.",
        **CATALOG.schema(),
    }
