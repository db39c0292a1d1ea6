"""Compiles in a task's interpreter, where TensorFlow and TFX are imported already: `python -m` this module.

    python -m millrace.rehearsal.compiling FOLDER CONFIG SERVICE JOB

FOLDER is the working directory of whoever asks, CONFIG a pickled configuration, JOB the file to write.
"""

import json
import os
import pickle
import sys
from pathlib import Path

from millrace.config.config import Config
from millrace.jobspec.job import CompiledJob


def compile_job(config: Config, service: str) -> CompiledJob:
    """Compiles a configuration.

    Args:
        config: the configuration.
        service: "vertex" or "kubeflow".

    Raises:
        BadInput: as the service's compiler says.
    """
    # TensorFlow and TFX come in here.
    if service == "kubeflow":
        from millrace.cloud.kubeflow.compile import compile_job as for_kubeflow

        return for_kubeflow(config)
    from millrace.cloud.vertex.compile import compile_job as for_vertex

    return for_vertex(config)


def main(folder: str, config: str, service: str, job: str) -> None:
    """Reads the configuration and writes the documents of the job.

    Args:
        folder: the working directory of whoever asks.
        config: the file of a pickled configuration.
        service: "vertex" or "kubeflow".
        job: the file to write, as JSON.
    """
    os.chdir(folder)
    compiled = compile_job(pickle.loads(Path(config).read_bytes()), service)
    Path(job).write_text(json.dumps(compiled.to_document()), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
