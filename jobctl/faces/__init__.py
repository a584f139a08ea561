"""Faces that keep looking: what `jobctl top` and `jobctl web` show, read once for all who look."""
