"""Pipeline templates in Artifact Registry: puts a compiled job's pipeline spec there, lists them, and reads one back.

The REST interface is the one that kfp's `RegistryClient` speaks: files at REGION-kfp.pkg.dev, all else at Artifact
Registry's own API. kfp itself is not there on every Python that the library runs on.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Optional

import requests
import yaml
from google.auth.transport.requests import AuthorizedSession

from millrace.base.errors import BadInput
from millrace.base.names import did_you_mean
from millrace.catalog.template_address import TemplateAddress, TemplateRepository, template_address
from millrace.cloud.remote.failures import ServiceFailure, refused
from millrace.cloud.remote.google import LOG_IN
from millrace.cloud.remote.sending import PAUSES, send_once
from millrace.cloud.vertex.client import VertexPlace, credentials, failures, place
from millrace.cloud.vertex.compile import of_template
from millrace.config.cloud_sections import VertexDeployment
from millrace.config.config import Config
from millrace.jobspec.job import CompiledJob, parsed

API = "https://artifactregistry.googleapis.com"
FORMAT = "KFP"


@dataclass(frozen=True)
class Template:
    """One version of a template.

    Args:
        name: the template's, which is its pipeline's.
        version: `sha256:` and its digest.
        tags: that it has now.
        created: when it was put there, as the service writes it; empty where it was not asked.
        uri: its address, by its digest.
    """

    name: str
    version: str
    tags: tuple[str, ...]
    created: str
    uri: str


@dataclass(frozen=True)
class _RegistryPlace(VertexPlace):
    """Where templates are, reached with the credentials and the patience that are Vertex AI's."""

    repository: str = ""

    @property
    def title(self) -> str:
        """The place as messages name it."""
        return f"Artifact Registry, {self.repository}" + (f" at {self.endpoint}" if self.is_local else "")


class TemplateRegistry:
    """One repository of templates.

    Args:
        repository: which.
        settings: the configuration's section: whose quota requests count for, and a stand-in's address.
        pauses: seconds before each further try of an upload that failed.

    Raises:
        BadInput: the configuration names no project.
        ServiceFailure: there are no credentials.
    """

    def __init__(
        self, repository: TemplateRepository, settings: VertexDeployment, pauses: tuple[float, ...] = PAUSES
    ) -> None:
        where = place(settings)
        self.repository = repository
        self._pauses = pauses
        self._place = _RegistryPlace(
            where.project, where.region, where.endpoint, where.account, where.seconds, repository.resource
        )
        self._session = requests.Session() if where.is_local else AuthorizedSession(credentials(where))
        # A stand-in has one address for both.
        self._files = f"{where.endpoint}/{repository.address}" if where.is_local else f"https://{repository.address}"
        self._api = f"{where.endpoint if where.is_local else API}/v1/{repository.resource}"

    def upload(self, job: CompiledJob, tags: Sequence[str]) -> Template:
        """Puts the job's pipeline spec there. The same spec again is the same version.

        Args:
            job: for Vertex AI.
            tags: to give to it, also where another version has them.

        Raises:
            BadInput: the repository is of another format.
            ServiceFailure: it is not there, or the service does not take the template.
        """
        self._require_format()
        # YAML is what the service's console shows, and kfp's client puts there.
        text = yaml.safe_dump(job.spec, sort_keys=True, width=110, allow_unicode=True)
        files = {"content": (f"{job.name}.yaml", text.encode(), "application/octet-stream")}
        data = {"tags": ",".join(tags)} if tags else {}

        def send() -> requests.Response:
            return self._ask("POST", self._files, "to take the template", files=files, data=data)

        # A second upload of one spec makes no second version, so there is nothing to look for.
        answer = send_once(send, lambda: None, repeatable=True, remedy="look: millrace templates", pauses=self._pauses)
        made = template_address(f"https://{self.repository.address}/{answer.text.strip()}")
        if made is None or not made.is_digest:
            raise ServiceFailure(
                f"asked to take the template, the service answered with something else than NAME/sha256:DIGEST: "
                f"{answer.text.strip()[:200]!r}",
                where=self._place.title,
                remedy="look whether it is there: millrace templates",
            )
        return Template(made.name, made.version, tuple(tags), "", made.uri)

    def templates(self, name: str = "") -> list[Template]:
        """What is there, the newest of each template first.

        Args:
            name: of one template; empty for all.
        """
        names = [name] if name else [_last(one["name"]) for one in self._pages("packages", "packages")]
        found: list[Template] = []
        for one in names:
            versions = self._pages(f"packages/{one}/versions", "versions", view="FULL")
            of_name = [self._template(one, version) for version in versions]
            found += sorted(of_name, key=lambda template: template.created, reverse=True)
        return found

    def read(self, address: TemplateAddress) -> tuple[str, TemplateAddress]:
        """A template's text.

        Args:
            address: in this repository.

        Returns:
            The text, and the address by the digest: what a tag was given to as it was read.

        Raises:
            BadInput: there is no such template, version or tag, or the repository is of another format.
            ServiceFailure: the repository is not there, or the service does not hand it out.
        """
        try:
            if not address.is_digest:
                tag = self._ask("GET", f"{self._api}/packages/{address.name}/tags/{address.version}", "for the tag")
                address = replace(address, version=_last(str(tag.json().get("version", ""))))
            answer = self._ask("GET", f"{self._files}/{address.name}/{address.version}", "for the template")
            return answer.content.decode("utf-8"), address
        except ServiceFailure as failure:
            if failure.status == 404:
                self._require_format()
                raise self._absent(address) from failure
            raise
        except ValueError as error:
            raise BadInput(
                f"what is there is no text: {error}", where=address.uri, remedy="name another: millrace templates"
            ) from error

    def _absent(self, address: TemplateAddress) -> BadInput:
        try:
            there = self.templates(address.name)
        except ServiceFailure:
            there = []
        if not there:
            return BadInput(
                f"there is no template {address.name}",
                where=self._place.title,
                remedy="millrace templates lists those of vertex.templates; millrace templates upload puts one there",
            )
        if address.is_digest:
            what = f"{address.name} has no version {address.version}"
            return BadInput(what, where=self._place.title, remedy=f"its newest is {there[0].version}")
        tags = [tag for one in there for tag in one.tags]
        return BadInput(
            f"{address.name} has no tag {address.version}{did_you_mean(address.version, tags)}",
            where=self._place.title,
            remedy=f"its tags are: {', '.join(tags) or 'none'}; its newest version is {there[0].version}",
        )

    def _require_format(self) -> None:
        try:
            known = self._ask("GET", self._api, "for the repository").json()
        except ServiceFailure as failure:
            if failure.status != 404:
                raise
            one = self.repository
            raise ServiceFailure(
                f"there is no repository {one.name} in {one.region}",
                where=self._place.title,
                remedy="name the one that is there in vertex.templates, or make it: millrace deploy vars has Terraform "
                f"make it; or gcloud artifacts repositories create {one.name} --repository-format=kfp "
                f"--location={one.region} --project={one.project}",
                status=404,
            ) from failure
        if known.get("format") != FORMAT:
            raise BadInput(
                f"the repository is of format {known.get('format')}, and templates need one of format {FORMAT}",
                where=self._place.title,
                remedy="name another in vertex.templates",
            )

    def _template(self, name: str, version: Mapping[str, Any]) -> Template:
        digest = _last(str(version["name"]))
        tags = tuple(_last(str(tag["name"])) for tag in version.get("relatedTags", ()))
        uri = TemplateAddress(self.repository, name, digest).uri
        return Template(name, digest, tags, str(version.get("createTime", "")), uri)

    def _pages(self, path: str, key: str, **asked: str) -> Iterator[dict[str, Any]]:
        token = ""
        while True:
            params = {**asked, "pageSize": "100", **({"pageToken": token} if token else {})}
            page = self._ask("GET", f"{self._api}/{path}", "for the templates", params=params).json()
            yield from page.get(key, ())
            token = page.get("nextPageToken", "")
            if not token:
                return

    def _ask(self, method: str, address: str, asked: str, **more: Any) -> requests.Response:
        with failures(self._place, asked):
            answer = self._session.request(method, address, timeout=self._place.seconds, **more)
        if answer.status_code >= 400:
            raise refused(answer.status_code, _words(answer), asked, self._place.title, self._remedies())
        return answer

    def _remedies(self) -> dict[int, str]:
        on = f"on {self.repository.resource}"
        return {
            400: "fix what the service names; it takes a pipeline spec in YAML, and tags of lower-case letters, "
            "digits, dots and dashes",
            401: LOG_IN,
            403: f"ask for roles/artifactregistry.writer {on} to put a template there, or for "
            "roles/artifactregistry.reader to submit one; where the API is off: gcloud services enable "
            f"artifactregistry.googleapis.com --project {self.repository.project}",
            404: "see whether vertex.templates is right; millrace templates lists what is there",
        }


def job_of_template(text: str, config: Config) -> CompiledJob:
    """The job that a template is started as: its spec, and of the configuration what a spec does not say.

    Args:
        text: the template's address.
        config: names the project, and all that stands beside a spec.

    Raises:
        BadInput: it is no address of a template, or what is there is no pipeline spec.
        ServiceFailure: the service does not hand it out.
    """
    address = template_address(text)
    if address is None:
        raise BadInput(
            "no address of a pipeline template",
            where=text,
            remedy="write https://REGION-kfp.pkg.dev/PROJECT/REPOSITORY/NAME/TAG, or sha256:DIGEST for the tag",
        )
    content, fixed = TemplateRegistry(address.repository, config.vertex).read(address)
    job = parsed(content, fixed.uri)
    if job.dialect != "vertex":
        job = of_template(job.spec, config, fixed.uri)
    # The version and not the tag: a tag may be given to another version before the service looks, and to look it
    # would need a role of its own.
    job.settings.update({"templateUri": fixed.uri, "templateMetadata": {"version": fixed.version}})
    return job


def _last(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def _words(answer: requests.Response) -> str:
    """The service's own words, whether it says them as JSON or as text."""
    try:
        said: Optional[str] = answer.json()["error"]["message"]
    except (ValueError, KeyError, TypeError):
        said = re.sub(r"<[^>]*>", " ", answer.text)
    return said or ""
