"""What has happened to a pipeline, for a simulation of what a policy would have made of it."""

import statistics
import time

from millrace.config.config import Config
from millrace.config.paths import layout
from millrace.execution.alerting import open_alerts
from millrace.metadata.run_folder import run_folders
from millrace.triggers.simulating import GivenAlert, GivenSpan, Happenings
from millrace.triggers.spans import SpanLooker

_LAST_RUNS = 10
_UNKNOWN_SECONDS = 600.0


def past_happenings(config: Config, since: float) -> Happenings:
    """The spans that lie in the data's folder, each at the time when its last file changed, and the alerts that fired.

    Args:
        config: the pipeline's configuration.
        since: only what came later, seconds since the epoch.

    Raises:
        BadInput: the data or the alerts cannot be read.
    """
    spans = [GivenSpan(*one) for one in SpanLooker(config).all_of_them()] if config.data.has_spans else []
    with open_alerts(config) as log:
        alerts = [GivenAlert(at, key) for at, key in log.fired(since)]
    return Happenings([one for one in spans if one.at >= since], alerts)


def usual_run_seconds(config: Config) -> float:
    """How long a run takes: the middle one of the last that ended well; ten minutes where there was none."""
    folders = [one for one in run_folders(layout(config).logs) if one.exit_code() == 0][-_LAST_RUNS:]
    times = [took for one in folders if (took := one.seconds(time.time())) is not None]
    return statistics.median(times) if times else _UNKNOWN_SECONDS
