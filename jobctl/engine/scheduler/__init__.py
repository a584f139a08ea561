"""The scheduler process: when schedules are due, and their ticks on the way into the store."""
