"""The broker of the programs beside this file when a stock `dramatiq` process runs them, as an application has it."""

from __future__ import annotations

import os

import dramatiq

from jobctl.broker import JobctlBroker

broker = JobctlBroker(url=os.environ["PROGRAMS_URL"], namespace="programs")
dramatiq.set_broker(broker)
