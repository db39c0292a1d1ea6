"""What events of Cloud Storage and Pub/Sub call: the decision of `millrace triggers check`, and a job on Vertex AI.

It keeps nothing. MILLRACE_CONFIG names the configuration and MILLRACE_JOB the job that `millrace compile` wrote; both
are in the image. docs/guides/triggers.md says how it is deployed.
"""

import functools
import os

import functions_framework
from cloudevents.http import CloudEvent

from millrace.triggers.cloud_events import EventFunction


@functools.cache
def _function() -> EventFunction:
    return EventFunction(os.environ["MILLRACE_CONFIG"], os.environ["MILLRACE_JOB"])


@functions_framework.cloud_event
def on_event(event: CloudEvent) -> None:
    """Answers an event; what it raises has the event delivered again.

    Args:
        event: of a bucket or of a topic.
    """
    attributes = {name: event.get(name) for name in ("id", "source", "type", "subject")}
    _function()({**attributes, "data": event.get_data()})
