"""Who lives, and what becomes of the jobs of the dead: heartbeats, sweeps, recovery."""
