"""Chooses the service that a configuration means, and connects to it; the clients are imported only then."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Optional

from millrace.cloud.remote.jobs import Service
from millrace.config.config import Config
from millrace.jobspec.job import CompiledJob, Dialect


@dataclass(frozen=True)
class CloudRunner:
    """A way to a service.

    Args:
        compile: makes the job of a configuration.
        connect: the service that the job is sent to.
    """

    compile: Callable[[Config], CompiledJob]
    connect: Callable[[Config], Service]


VERTEX: Dialect = "vertex"
KUBEFLOW: Dialect = "kubeflow"


def meant(config: Config, runner: Optional[Dialect] = None) -> Dialect:
    """The service: the one that is asked for, else Kubeflow Pipelines where only that has an address.

    Args:
        config: says which services have an address.
        runner: the service that is asked for; None when none is.
    """
    only_kubeflow = config.kubeflow.host and not config.vertex.project
    return runner or (KUBEFLOW if only_kubeflow else VERTEX)


def connect(config: Config, runner: Dialect) -> Service:
    """Connects to a service.

    Args:
        config: the configuration.
        runner: which one.

    Raises:
        BadInput: the configuration lacks what the connection needs.
        ServiceFailure: there are no credentials, or the service does not take them.
    """
    # Google's clients tell of Python versions that they will leave; that is for whoever sets this environment up.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        if runner == KUBEFLOW:
            from millrace.cloud.kubeflow.service import KubeflowService

            return KubeflowService(config.kubeflow, config.name)
        from millrace.cloud.vertex.service import VertexService

        return VertexService(config.vertex)
