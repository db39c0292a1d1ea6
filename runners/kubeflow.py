"""Sends the pipeline to Kubeflow Pipelines: `python -m runners.kubeflow`, with the options of `millrace submit`."""

import sys

from millrace.cli.main import main

if __name__ == "__main__":
    sys.argv[1:1] = ["submit", "--runner", "kubeflow"]
    main()
