"""Addresses of pipeline templates in Artifact Registry: https://REGION-kfp.pkg.dev/PROJECT/REPOSITORY/NAME/VERSION.

https://cloud.google.com/vertex-ai/docs/pipelines/create-pipeline-template
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional

from millrace.catalog.objections import Objection
from millrace.catalog.regions import region_objections

# Repositories may lie in one of these instead of in a region: gcloud artifacts locations list
_MULTI_REGIONS = frozenset({"us", "europe", "asia"})
_REPOSITORY = re.compile(r"([a-z0-9-]+)-kfp\.pkg\.dev/([a-z][a-z0-9.:-]*[a-z0-9])/([a-z](?:[a-z0-9-]{0,61}[a-z0-9])?)")
_VERSION = re.compile(r"([a-z0-9][a-z0-9-]*)/(sha256:[0-9a-f]{64}|[A-Za-z0-9_][A-Za-z0-9_.-]*)")
TAG = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,127}")


@dataclass(frozen=True)
class TemplateRepository:
    """A repository of the format KFP.

    Args:
        region: where it is; a region, or one of us, europe and asia.
        project: whose.
        name: its name.
    """

    region: str
    project: str
    name: str

    @property
    def host(self) -> str:
        """The host that files are put to and taken from."""
        return f"{self.region}-kfp.pkg.dev"

    @property
    def address(self) -> str:
        """As the configuration names it."""
        return f"{self.host}/{self.project}/{self.name}"

    @property
    def resource(self) -> str:
        """As a role is given on it."""
        return f"projects/{self.project}/locations/{self.region}/repositories/{self.name}"


@dataclass(frozen=True)
class TemplateAddress:
    """One version of one template.

    Args:
        repository: where it lies.
        name: the template's name, which is its pipeline's.
        version: a tag, or `sha256:` and the version's digest.
    """

    repository: TemplateRepository
    name: str
    version: str

    @property
    def is_digest(self) -> bool:
        """Whether it names what never changes: a tag may be given to another version."""
        return self.version.startswith("sha256:")

    @property
    def uri(self) -> str:
        """As it is written."""
        return f"https://{self.repository.address}/{self.name}/{self.version}"


def template_repository(text: str) -> Optional[TemplateRepository]:
    """The repository in REGION-kfp.pkg.dev/PROJECT/REPOSITORY; None where it is none."""
    found = _REPOSITORY.fullmatch(text)
    return TemplateRepository(*found.groups()) if found else None


def template_address(text: str) -> Optional[TemplateAddress]:
    """The template in https://REGION-kfp.pkg.dev/PROJECT/REPOSITORY/NAME/TAG-or-DIGEST; None where it is none."""
    parts = text.removeprefix("https://").split("/", 3)
    repository, version = template_repository("/".join(parts[:3])), _VERSION.fullmatch("".join(parts[3:]))
    return TemplateAddress(repository, version[1], version[2]) if repository and version else None


def repository_objections(text: str) -> Iterator[Objection]:
    """What speaks against the address of a repository of templates.

    Args:
        text: as the configuration has it.
    """
    repository = template_repository(text)
    if repository is None:
        yield Objection(f"{text} is no repository of pipeline templates", "write REGION-kfp.pkg.dev/PROJECT/REPOSITORY")
    elif repository.region not in _MULTI_REGIONS:
        yield from region_objections(repository.region)
