"""Dramatiq middleware, one file each."""
