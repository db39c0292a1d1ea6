"""A request that the gateway answers, for `millrace rollout gateway`: the one of `millrace serve`, of a user."""

import os
from collections.abc import Sequence
from pathlib import Path

from millrace.base.quiet import output_to


def gateway_command(config_file: str, overrides: Sequence[str], host: str, port: int) -> str:
    """A `curl` that asks the gateway for a real row, as one of its users.

    Args:
        config_file: of the pipeline.
        overrides: of the configuration, as `load` takes them.
        host: where the gateway listens.
        port: there.
    """
    # It is called in a process of its own: what TensorFlow says while it is imported is nothing to a person.
    with output_to(Path(os.devnull)):
        from millrace.config.loading import load
        from millrace.prediction.served import example_command, served_model
        from millrace.prediction.server import ServerPlace

        config = load(config_file, overrides)
        with served_model(config, "") as (served, chosen):
            headers = {config.rollout.user_header: "1"}
            return example_command(chosen, served, ServerPlace(host, port, port), plain=False, headers=headers)
