"""Rehearses what a configuration means, or a job's file beside it: compiled and checked first, as `submit` does it."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Optional

from millrace.base.errors import BadInput
from millrace.base.names import did_you_mean
from millrace.config.config import Config
from millrace.config.paths import layout
from millrace.jobspec.checks import check
from millrace.jobspec.findings import JobFinding, refusing
from millrace.jobspec.job import CompiledJob
from millrace.metadata.connections import metadata_connection
from millrace.metadata.run_folder import RunFolder
from millrace.rehearsal.cloud_folder import CloudFolder
from millrace.rehearsal.data_places import data_elsewhere, require_data
from millrace.rehearsal.labels import labels_of
from millrace.rehearsal.rehearse import rehearse
from millrace.rehearsal.report import Result
from millrace.rehearsal.sandbox import Sandbox
from millrace.rehearsal.view import TaskPlaces, hides, view_of, volumes
from millrace.rehearsal.world import RehearsalOptions


def rehearse_configuration(
    config: Config,
    run: RunFolder,
    job: Optional[CompiledJob],
    service: str,
    parameters: Mapping[str, str],
    options: RehearsalOptions,
    *,
    python: Optional[Path] = None,
    more: Sequence[str] = (),
    started: Callable[[list[str]], None] = lambda _: None,
) -> Result:
    """Compiles a configuration, checks the job, and rehearses it in the pipeline's folder and ML Metadata.

    Args:
        config: the configuration.
        run: the folder of this run, which the caller holds.
        job: a job to rehearse in place of the configuration's own.
        service: what to compile for, "vertex" or "kubeflow".
        parameters: values of runtime parameters, as text.
        options: how to rehearse.
        python: an interpreter whose packages the tasks get; None for this one's.
        more: what else is in the image; see `environment.own_image`.
        started: called once with the tasks' names, before the first task.

    Raises:
        BadInput: the job would be wrong wherever it runs, or an option names what it has not.
    """
    place = layout(config).local
    with Sandbox(place, options.exact, python, more) as sandbox:
        # A job of TFX alone may have no defaults: what is given must be there before it is checked.
        found = (job or sandbox.compile(config, service, run.log)).with_values(parameters)
        findings = check(found, config if job is None else None)
        if python or more:
            # What is in another environment, its own interpreter will say.
            findings = [finding for finding in findings if finding.rule != "code"]
        for finding in findings:
            logging.getLogger(__name__).warning("%s: %s; %s", finding.where, finding.what, finding.remedy)
        _refuse(findings)
        buckets = place / "rehearsal"
        if found.name == config.name:
            options = replace(options, elsewhere=data_elsewhere(config, found.dialect, options.elsewhere, buckets))
        clouds = CloudFolder(buckets, options.elsewhere)
        environment = sandbox.other or sandbox.environment
        view = view_of(TaskPlaces(buckets / "work"), environment, clouds, volumes(found), ())
        require_data(found, clouds, partial(hides, view), options.outputs)
        tasks = list(labels_of(found).values())
        for name in options.fail:
            if name not in tasks:
                what = f"there is no task {name}{did_you_mean(name, tasks)}"
                raise BadInput(what, where="--fail", remedy=f"the tasks are: {', '.join(tasks)}")
        return rehearse(
            found,
            place,
            options=options,
            connection=metadata_connection(config),
            run=run,
            sandbox=sandbox,
            started=lambda _, names: started(names),
        )


def _refuse(findings: Sequence[JobFinding]) -> None:
    errors = refusing(findings, submitting=False)
    if errors:
        more = "".join(f"\n{finding.where}: {finding.what}\n  remedy: {finding.remedy}" for finding in errors[1:])
        raise BadInput(errors[0].what, where=errors[0].where, remedy=errors[0].remedy + more)
