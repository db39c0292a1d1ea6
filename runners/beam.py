"""Runs the graph itself on Beam, on this machine: `python -m runners.beam`, with the options of `millrace run`."""

import sys

from millrace.cli.main import main

if __name__ == "__main__":
    sys.argv[1:1] = ["run", "--runner", "beam"]
    main()
