"""Sentry, as an application sets it up before it makes its broker; what would be sent is said."""

from __future__ import annotations

from typing import Any

import sentry_sdk
from said import say
from sentry_sdk.integrations.dramatiq import DramatiqIntegration
from sentry_sdk.transport import Transport


class Saying(Transport):
    """Says which exception in which job was reported."""

    def capture_envelope(self, envelope: Any) -> None:
        event = envelope.get_event()
        if event is not None:
            about = event["contexts"]["dramatiq"]["data"]
            say("sentry", event["exception"]["values"][-1]["type"], about["actor_name"])


sentry_sdk.init(
    dsn="http://key@127.0.0.1/1",
    transport=Saying,
    default_integrations=False,
    integrations=[DramatiqIntegration()],
)
