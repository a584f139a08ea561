"""The old place of `jobctl.broker`, for programs that import JobctlBroker from here."""

from jobctl.engine.dramatiq.broker import JobctlBroker as JobctlBroker
