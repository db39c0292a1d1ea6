"""Everything that a service or a container would refuse later, found now: the rules, applied to one compiled job.

Nothing here imports TFX, so that it takes a second; a job compiled by TFX alone is checked by the same rules.
"""

from collections.abc import Callable, Iterable
from typing import Optional

from millrace.config.config import Config
from millrace.jobspec.findings import SEVERITIES, JobFinding
from millrace.jobspec.job import CompiledJob
from millrace.jobspec.rules import (
    asked_for,
    code,
    conditions,
    container_variables,
    containers,
    encryption,
    engine,
    graph,
    judging,
    machines,
    naming,
    places,
    schedule,
    secrets,
    values,
)

Rule = Callable[[CompiledJob, Optional[Config]], Iterable[JobFinding]]

RULES: tuple[Rule, ...] = (
    naming.pipeline_name,
    naming.labels,
    naming.display_name,
    naming.network,
    naming.service_account,
    places.project,
    places.root,
    places.bucket,
    places.data,
    places.bigquery,
    places.push_destination,
    values.parameters,
    secrets.parameters,
    container_variables.variables,
    machines.region,
    machines.steps,
    machines.workers,
    schedule.schedule,
    graph.references,
    graph.inputs,
    graph.circles,
    graph.dialect,
    conditions.conditions,
    code.version,
    code.clashes,
    code.executors,
    code.stock_image,
    code.user_code,
    code.artifact_types,
    containers.arguments,
    containers.images,
    asked_for.stages,
    asked_for.job,
    asked_for.substitutes,
    judging.split,
    encryption.keys,
    engine.engine,
    engine.servers,
    engine.workers_image,
)


def check(job: CompiledJob, config: Optional[Config] = None) -> list[JobFinding]:
    """Checks a compiled job.

    Args:
        job: the job, of ours or of TFX alone.
        config: the configuration that it was compiled from; None when it is not known, and then what only the
            configuration says (project, settings asked for) is not checked.

    Returns:
        All findings, the gravest first.
    """
    findings = [finding for rule in RULES for finding in rule(job, config)]
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
