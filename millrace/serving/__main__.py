"""The controller's process, which the keeper starts: `python -m millrace.serving CONF [KEY=VALUE...]`."""

import logging
import sys
from pathlib import Path

from millrace.config.loading import load
from millrace.project import project
from millrace.serving.gateway_process import control


def main(argv: list[str]) -> None:
    """Decides until it is told to end.

    Args:
        argv: the configuration's file, and what is laid over it.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    here = project.find(Path(argv[0]).parent, Path.cwd())
    if here:
        project.enter(here)
    control(load(argv[0], argv[1:]))


if __name__ == "__main__":
    main(sys.argv[1:])
