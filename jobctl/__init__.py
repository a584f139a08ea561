"""Operate background jobs: a catalog, Dramatiq workers on Redis, one command line."""

__version__ = "0.1.0"
