"""Where a rehearsed job pushes its model when it names a folder and no bucket: never to where one is served.

A model server may watch that folder, and a rehearsed model is not for serving. A task could not even write there: its
container holds no such folder, and what is written within it is gone with it. A bucket is a folder of the rehearsal
already.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from millrace.jobspec.job import CompiledJob
from millrace.jobspec.vertex_resources import pushed_folder
from millrace.rehearsal.cloud_folder import in_texts

NAME = "pushed"
"""The name of the folder that holds them, in that of all rehearsals."""


def push_folders(job: CompiledJob, root: Path, rehearsals: Path) -> dict[str, tuple[str, str]]:
    """The folders to which a job's tasks would push, and those of the rehearsal that stand for them.

    Args:
        job: the job, with the values of its parameters.
        root: the pipeline's folder, absolute; of a folder below it the rest of the path is kept, of others all of it.
        rehearsals: the folder of all rehearsals, absolute.

    Returns:
        By task: the folder as the job names it, and the rehearsal's.
    """
    folders = {}
    for step in job.walk():
        named = pushed_folder(job, step)
        # What is in a placeholder only the task will know.
        if named and "://" not in named and "{{" not in named:
            inner = os.path.normpath(f"/{named.removeprefix(f'{root}/')}").lstrip("/")
            folders[step.name] = (named, str(rehearsals / NAME / inner))
    return folders


def with_folders(job: CompiledJob, folders: Mapping[str, str]) -> CompiledJob:
    """The same job with folders replaced wherever one is a whole value, also within JSON that is a text.

    So a task that looks for what was pushed looks in the rehearsal's folder too.

    Args:
        job: the job.
        folders: the rehearsal's folders by those that the job names.
    """

    def changed(text: str) -> str:
        for named, place in folders.items():
            if text == named:
                return place
            for ascii_alone in (True, False):
                quoted = json.dumps(named, ensure_ascii=ascii_alone)
                text = text.replace(quoted, json.dumps(place, ensure_ascii=ascii_alone))
        return text

    return replace(job, spec=in_texts(job.spec, changed), runtime=in_texts(job.runtime, changed))
