"""Which keys there are one of for the namespace."""

NAMESPACE_KEYS = frozenset(
    {
        "layout", "migrating", "notice", "queues", "stock_queues", "due", "token", "paused", "processes", "beats",
        "orders", "cursors", "events", "finished", "control", "audit", "once", "each_running", "published", "catalogs",
        "followed", "notes", "operations", "operating", "alerts", "hooks", "ticks", "open_ticks", "announced",
        "schedules_by_hand", "renamed",
    }
)  # fmt: skip
"""Names in a script's `KEYS:` header that are one for the namespace; all others are one a queue."""
