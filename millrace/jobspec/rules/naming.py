"""Rules on names and labels, as Vertex AI states them.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.pipelineJobs and
https://cloud.google.com/vertex-ai/docs/general/labels.
"""

import re
from collections.abc import Iterator
from typing import Optional

from millrace.config.cloud_sections import OWN_LABELS
from millrace.config.config import NAME, Config
from millrace.jobspec.findings import JobFinding
from millrace.jobspec.job import CompiledJob

# Both are fields of a PipelineJob; its reference asks for the project's number.
_NETWORK = re.compile(r"projects/[0-9]+/global/networks/[^/\s]+")
_ACCOUNT = re.compile(r"[^@\s]+@[^@\s]+\.gserviceaccount\.com")
_NAME_THERE = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
MOST_LABELS, LONGEST_LABEL, LONGEST_DISPLAY_NAME = 64, 63, 128


def pipeline_name(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """The pipeline's name becomes part of the job's resource name.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    if _NAME_THERE.fullmatch(job.name) and not NAME.fullmatch(job.name):
        yield JobFinding(
            "pipeline-name",
            "warning",
            f"the pipeline's name has {len(job.name)} letters, and TFX, labels and Kubernetes take {LONGEST_LABEL}",
            "pipelineInfo.name",
            "shorten it, where one of them has to hold it",
        )
    elif not NAME.fullmatch(job.name):
        yield JobFinding(
            "pipeline-name",
            "error",
            f"the pipeline's name {job.name!r} is not made of lower-case letters, digits and dashes, 128 at most",
            "pipelineInfo.name",
            "rename the pipeline, for instance name: taxi-tips in the configuration",
        )


def labels(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """Labels: at most 64, lower case, letters, digits, underscores and dashes; a key begins with a letter.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    if len(job.labels) > MOST_LABELS:
        yield _label(f"there are {len(job.labels)} labels, and {MOST_LABELS} are allowed", "labels")
    for key, value in job.labels.items():
        if not _is_label(key) or not key[:1].isalpha():
            yield _label(f"the label's key {key!r} is refused", f"labels.{key}")
        elif key.startswith(("goog-", "aiplatform.")):
            yield _label(f"the label's key {key!r} is reserved by Google Cloud", f"labels.{key}")
        elif key.startswith(OWN_LABELS):
            yield _label(
                f"the label's key {key!r} is Millrace's own: by it a promoted release is known", f"labels.{key}"
            )
        if not isinstance(value, str) or (value and not _is_label(value)):
            yield _label(f"the value {value!r} is refused", f"labels.{key}")


def _is_label(text: str) -> bool:
    return len(text) <= LONGEST_LABEL and text == text.lower() and re.fullmatch(r"[\w-]+", text) is not None


def _label(what: str, where: str) -> JobFinding:
    remedy = f"use lower-case letters, digits, underscores and dashes, {LONGEST_LABEL} at most, a letter first in a key"
    return JobFinding("label", "error", what, where, remedy)


def display_name(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """A display name has up to 128 characters.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    if len(job.display_name) > LONGEST_DISPLAY_NAME:
        yield JobFinding(
            "display-name",
            "error",
            f"the display name has {len(job.display_name)} characters, and {LONGEST_DISPLAY_NAME} are allowed",
            "displayName",
            "shorten vertex.display_name",
        )


def network(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """A network is named by its project's number; ranges of addresses belong to one.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    named, ranges = job.settings.get("network", ""), job.settings.get("reservedIpRanges")
    if named and not _NETWORK.fullmatch(named):
        number = "gcloud projects describe PROJECT --format 'value(projectNumber)' tells the number"
        remedy = f"write projects/NUMBER/global/networks/NAME; {number}"
        yield JobFinding("network", "before submit", f"the network's name {named} is refused", "network", remedy)
    if ranges and not named:
        remedy = "set vertex.network, or leave vertex.reserved_ip_ranges out"
        what = "ranges of addresses are reserved in no network"
        yield JobFinding("network", "before submit", what, "reservedIpRanges", remedy)


def service_account(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """A job on Vertex AI runs as a service account, and not as a person or a group.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    account = job.settings.get("serviceAccount", "")
    if account and not _ACCOUNT.fullmatch(account):
        remedy = "name it as NAME@PROJECT.iam.gserviceaccount.com"
        yield JobFinding(
            "service-account", "before submit", f"{account} is no service account", "serviceAccount", remedy
        )
