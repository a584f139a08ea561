"""One module a noun: jobs, queues, dead letters, limits, schedules, and what else the store knows."""
