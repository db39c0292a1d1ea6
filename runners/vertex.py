"""Sends the pipeline to Vertex AI: `python -m runners.vertex`, with the options of `millrace submit`."""

import sys

from millrace.cli.main import main

if __name__ == "__main__":
    sys.argv[1:1] = ["submit", "--runner", "vertex"]
    main()
