"""Faults on purpose: jobs that leave a trace outside Redis, and a count of what was lost, stuck or repeated."""
