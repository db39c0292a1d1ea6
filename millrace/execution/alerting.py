"""The alerts of a configured pipeline: where they are kept, and how what a source finds comes to people."""

from millrace.alerts.alert import Look
from millrace.alerts.alert_log import AlertLog
from millrace.alerts.channels import channels_of
from millrace.alerts.observing import observe
from millrace.config.config import Config
from millrace.config.paths import alerts_file
from millrace.project import default_configuration


def open_alerts(config: Config) -> AlertLog:
    """Opens the alerts of a pipeline.

    Args:
        config: the pipeline's configuration.

    Raises:
        BadInput: their file cannot be used.
    """
    return AlertLog(alerts_file(config), config.name)


def observe_findings(config: Config, look: Look, now: float) -> dict[str, str]:
    """Takes in what a source finds, and tells people of what is new, goes on, or is over.

    Args:
        config: the pipeline's configuration.
        look: what the source says.
        now: seconds since the epoch.

    Returns:
        By the channel's name a sentence that says why it did not deliver; empty when all did, or none is configured.

    Raises:
        BadInput: the file of alerts cannot be used.
    """
    with open_alerts(config) as log:
        console = config.notify.console if config.notify else ""
        option = default_configuration.option(config.file, config.environment)
        return observe(log, look, config.alerts, channels_of(config.notify), now, console, option)
