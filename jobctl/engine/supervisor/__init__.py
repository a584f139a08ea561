"""What keeps processes alive: starting, watching, stopping them, and recovering the jobs of the dead."""
