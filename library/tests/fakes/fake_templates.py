"""Stands for Artifact Registry's repositories of pipeline templates, beside Vertex AI at one address.

Files are at REGION-kfp.pkg.dev, here below a folder of that name; packages, versions and tags at the service's API. Its
addresses and fields are those that kfp's RegistryClient asks (`kfp/registry/context/kfp_pkg_dev.json`) and the
reference of Artifact Registry's REST resources.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Optional

import yaml
from fake_service import Refused, Request, now
from fake_vertex import FakeVertex, _page

from millrace.catalog.template_address import TAG

FILES = r"/([a-z0-9-]+)-kfp\.pkg\.dev/([^/]+)/([^/]+)"
API = r"/v1/(projects/[^/]+/locations/[^/]+/repositories/[^/]+)"
READ = ("artifactregistry.repositories.downloadArtifacts", "artifactregistry.repositories.get")
ROLES = {
    "roles/artifactregistry.reader": READ,
    "roles/artifactregistry.writer": (*READ, "artifactregistry.repositories.uploadArtifacts"),
}


@dataclass
class Package:
    """One template: its versions' text and time, and which version each tag stands for."""

    versions: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class FakeTemplates(FakeVertex):
    """Vertex AI with Artifact Registry beside it.

    Args:
        formats: the format of each repository that there is.
        packages: what is in each, by repository and name.
        granted: role and resource of each grant that whoever asks has; None for all.
        page_size: how many of a list come at once.
    """

    formats: dict[str, str] = field(
        default_factory=lambda: {"projects/a-project/locations/us-central1/repositories/templates": "KFP"}
    )
    packages: dict[tuple[str, str], Package] = field(default_factory=dict)
    granted: Optional[set[tuple[str, str]]] = None
    page_size: int = 2

    def routes(self) -> dict[tuple[str, str], Callable[..., Any]]:
        return {
            **super().routes(),
            ("POST", FILES): self._upload,
            ("GET", f"{FILES}/([^/]+)/([^/]+)"): self._download,
            ("GET", API): self._repository,
            ("GET", f"{API}/packages"): self._packages,
            ("GET", f"{API}/packages/([^/]+)/versions"): self._versions,
            ("GET", f"{API}/packages/([^/]+)/tags/([^/]+)"): self._tag,
        }

    def _may(self, permission: str, repository: str) -> str:
        """Refuses what no role says, and what there is not; the repository's name otherwise."""
        roles = [role for role, has in ROLES.items() if permission in has]
        if self.granted is not None and not any((role, repository) in self.granted for role in roles):
            raise Refused(403, f"Permission '{permission}' denied on resource '{repository}' (or it may not exist).")
        if repository not in self.formats:
            raise Refused(404, "Requested entity was not found.")
        return repository

    def _files(self, permission: str, region: str, project: str, name: str) -> str:
        repository = self._may(permission, f"projects/{project}/locations/{region}/repositories/{name}")
        if self.formats[repository] != "KFP":
            raise Refused(404, "Requested entity was not found.")
        return repository

    def _upload(self, request: Request, *place: str) -> Any:
        repository = self._files("artifactregistry.repositories.uploadArtifacts", *place)
        content, tags = request.body["content"], request.body.get("tags", b"").decode()
        given = [tag for tag in tags.split(",") if tag]
        if wrong := [tag for tag in given if not TAG.fullmatch(tag)]:
            raise Refused(400, f"invalid tag {wrong[0]!r}")
        spec = yaml.safe_load(content)
        name = spec.get("pipelineInfo", {}).get("name", "") if isinstance(spec, dict) else ""
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
            raise Refused(400, "the file is no pipeline spec")
        return f"{name}/{self.put(repository, name, content, given)}".encode()

    def put(self, repository: str, name: str, content: bytes, tags: list[str]) -> str:
        """Makes a version, as an upload does, whatever the content; its digest."""
        package = self.packages.setdefault((repository, name), Package())
        version = f"sha256:{hashlib.sha256(content).hexdigest()}"
        package.versions.setdefault(version, (content, now()))
        package.tags.update(dict.fromkeys(tags, version))
        return version

    def _download(self, request: Request, region: str, project: str, name: str, template: str, version: str) -> Any:
        repository = self._files("artifactregistry.repositories.downloadArtifacts", region, project, name)
        package = self._package(repository, template)
        digest = package.tags.get(version, version)
        if digest not in package.versions:
            raise Refused(404, "Requested entity was not found.")
        return package.versions[digest][0]

    def _repository(self, request: Request, repository: str) -> Any:
        self._may("artifactregistry.repositories.get", repository)
        return {"name": repository, "format": self.formats[repository], "createTime": now()}

    def _packages(self, request: Request, repository: str) -> Any:
        self._may("artifactregistry.repositories.get", repository)
        named = [{"name": f"{repository}/packages/{name}"} for of, name in self.packages if of == repository]
        return self._paged(request, "packages", named)

    def _versions(self, request: Request, repository: str, name: str) -> Any:
        package = self._package(self._may("artifactregistry.repositories.get", repository), name)
        of = f"{repository}/packages/{name}"
        listed = []
        for version, (_, created) in package.versions.items():
            tags = [tag for tag, given in package.tags.items() if given == version]
            related = [{"name": f"{of}/tags/{tag}", "version": f"{of}/versions/{version}"} for tag in tags]
            full = {"relatedTags": related} if request.query.get("view") == "FULL" else {}
            listed.append({"name": f"{of}/versions/{version}", "createTime": created, **full})
        return self._paged(request, "versions", listed)

    def _tag(self, request: Request, repository: str, name: str, tag: str) -> Any:
        package = self._package(self._may("artifactregistry.repositories.get", repository), name)
        if tag not in package.tags:
            raise Refused(404, "Requested entity was not found.")
        of = f"{repository}/packages/{name}"
        return {"name": f"{of}/tags/{tag}", "version": f"{of}/versions/{package.tags[tag]}"}

    def _package(self, repository: str, name: str) -> Package:
        if (repository, name) not in self.packages:
            raise Refused(404, "Requested entity was not found.")
        return self.packages[repository, name]

    def _paged(self, request: Request, key: str, items: list[Any]) -> Any:
        request.query["pageSize"] = str(self.page_size)
        return _page(request, key, items)
