"""Schedules: their ticks on the way into the store, what became of them, and what a person can do."""
