"""Copies a version of a model in Vertex AI into another project or region: `ModelService.CopyModel`.

https://cloud.google.com/vertex-ai/docs/model-registry/copy-model: a copy keeps neither aliases nor evaluations nor the
key, which is why they are given to it here. `aiplatform.Model.copy` is not used: it waits within one call, and an
operation that was begun by a process which was killed could not be waited for.
"""

import contextlib
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from google.api_core import exceptions as api_exceptions
from google.auth.transport.requests import AuthorizedSession
from google.cloud import aiplatform_v1

from millrace.base.errors import BadInput
from millrace.cloud.remote.failures import ServiceFailure
from millrace.cloud.remote.following import BORNE_SECONDS
from millrace.cloud.vertex import submit
from millrace.cloud.vertex.aliases import VertexAliases
from millrace.cloud.vertex.client import VertexPlace, call, credentials, failures, place, reach
from millrace.components.vertex_pusher.section import VertexEndpoint
from millrace.config.cloud_sections import VertexDeployment
from millrace.promotion.vertex import VertexCopy
from millrace.registry.registry import Registry
from millrace.registry.version import Version

NUMBER, FROM, COMMIT = "millrace_version", "millrace_from", "millrace_commit"
"""The labels of a copy: its number here, the environment that it comes from, and the commit of its code."""

_LOOK_SECONDS = 5.0
_TO_COPY = "what whoever promotes lacks, or Vertex AI's agent on the model, the key or the image"
# What an import may say of an evaluation; the rest of it the service says itself.
_OF_EVALUATION = ("display_name", "metrics_schema_uri", "metrics", "metadata", "slice_dimensions")
_NAME = re.compile(r"projects/[^/]+/locations/([^/]+)/models/([^/@]+)@(\w+)")


class ModelCopies:
    """Vertex AI between two environments, of which the second has a model of its own.

    Args:
        source: how the first reaches Vertex AI: its section `vertex`.
        project: that the first pushes to.
        target: the second's section `push.vertex`.
        settings: the second's section `vertex`.
        look_seconds: seconds between two looks at an operation.
        borne_seconds: how long a service that cannot be reached is borne with meanwhile.

    Raises:
        ServiceFailure: there are no credentials.
    """

    def __init__(
        self,
        source: VertexDeployment,
        project: str,
        target: VertexEndpoint,
        settings: VertexDeployment,
        look_seconds: float = _LOOK_SECONDS,
        borne_seconds: float = BORNE_SECONDS,
    ) -> None:
        self._source, self._project, self._target, self._settings = source, project, target, settings
        self._place = place(settings.model_copy(update={"project": target.project, "region": target.region}))
        self._look_seconds, self._borne_seconds = look_seconds, borne_seconds
        self._models = _client(self._place)
        self._session = AuthorizedSession(credentials(self._place))

    def plan(self, version: Version, alias: str, known: str) -> VertexCopy:
        """What copying a version would do, of which `known` may be a copy already; nothing is changed."""
        there, models = self._there(version.facts.vertex)
        asked = f"for {_short(version.facts.vertex)}"
        try:
            with _role_named(f"roles/aiplatform.viewer on projects/{self._project}"):
                model = call(there, asked, models.get_model, name=version.facts.vertex)
        except ServiceFailure as failure:
            if failure.status != 404:
                raise
            raise BadInput(
                f"version {version.number} is gone in Vertex AI, where it was {version.facts.vertex}",
                where=there.title,
                remedy="promote a version that is there, or push another: millrace run --push",
            ) from failure
        of = f"{model.name.partition('@')[0]}@{model.version_id}"
        wanted = f"{self._place.parent}/models/{of.rsplit('/', 1)[-1].partition('@')[0]}"
        versions = self._versions(wanted)
        copies = [_name(one) for one in versions if _is_copy(one, of, version.number)]
        # Whoever was killed between a request and its answer may have left a second one.
        copies.sort(key=lambda name: _short(name) != _short(known))
        return VertexCopy(
            of=of,
            model=wanted,
            new=not versions,
            there=copies[0] if copies else "",
            evaluations=len(_evaluations(there, models, of)),
            key=self._target.encryption_key or "",
            named=_named(versions, alias),
        )

    def begin(self, planned: VertexCopy) -> str:
        """Has the service begin to copy; the operation's name."""
        becomes = {"model_id": planned.model.rsplit("/", 1)[-1]} if planned.new else {"parent_model": planned.model}
        request = aiplatform_v1.CopyModelRequest(
            parent=self._place.parent,
            source_model=planned.of,
            encryption_spec={"kms_key_name": planned.key} if planned.key else None,
            **becomes,
        )
        with _role_named(_TO_COPY):
            begun = call(self._place, f"to copy {_short(planned.of)}", self._models.copy_model, request)
        return str(begun.operation.name)

    def goes_on(self, operation: str) -> bool:
        """Whether an operation that was begun before is worth waiting for: it has not failed, and is known."""
        try:
            return "error" not in self._looked(operation)
        except ServiceFailure as failure:
            if failure.status != 404:
                raise
            return False

    def end(self, operation: str) -> str:
        """Waits for an operation; the copy's resource name."""
        last_answer = time.monotonic()
        while True:
            try:
                looked = self._looked(operation)
            except ServiceFailure as failure:
                if failure.exit_code == 2 or time.monotonic() - last_answer > self._borne_seconds:
                    raise
            else:
                last_answer = time.monotonic()
                if looked.get("done"):
                    break
            time.sleep(self._look_seconds)
        if error := looked.get("error"):
            with _role_named(_TO_COPY), failures(self._place, "to copy the version"):
                raise api_exceptions.from_grpc_status(error["code"], error.get("message", ""))
        answer = looked["response"]
        return f"{answer['model'].partition('@')[0]}@{answer['modelVersionId']}"

    def _looked(self, operation: str) -> dict[str, Any]:
        """The operation now. The generated client would ask below /ui/, where the service's reference has nothing."""
        with failures(self._place, "how the copy goes on"):
            answer = self._session.get(f"{self._place.endpoint}/v1/{operation}", timeout=self._place.seconds)
            if not answer.ok:
                raise api_exceptions.from_http_response(answer)
            return dict(answer.json())

    def describe(self, copy: str, planned: VertexCopy, version: Version, environment: str) -> None:
        """Gives a copy its labels, its description and the evaluations; what it has of that stays."""
        model = call(self._place, "for the copy", self._models.get_model, name=copy)
        own = {NUMBER: str(version.number), FROM: _label(environment), COMMIT: _label(version.facts.commit)}
        labels = {**model.labels, **self._settings.labels, **{name: value for name, value in own.items() if value}}
        text = f"version {version.number}, promoted from {environment}: {planned.of}"
        if (dict(model.labels), model.version_description) != (labels, text):
            said = aiplatform_v1.Model(name=copy, labels=labels, version_description=text)
            mask = {"paths": ["labels", "version_description"]}
            call(self._place, "to describe the copy", self._models.update_model, model=said, update_mask=mask)
        has = Counter(map(_kind, _evaluations(self._place, self._models, copy)))
        for one in _evaluations(*self._there(planned.of), planned.of):
            if has[_kind(one)]:
                has[_kind(one)] -= 1
                continue
            said = {name: getattr(one, name) for name in _OF_EVALUATION}
            evaluation = aiplatform_v1.ModelEvaluation(**said)
            imports = self._models.import_model_evaluation
            call(self._place, "to give the copy its evaluation", imports, parent=copy, model_evaluation=evaluation)

    def named(self, planned: VertexCopy, alias: str) -> str:
        """The version that has an alias at this moment; empty for none."""
        return _named(self._versions(planned.model), alias)

    def follow(self, registry: Registry, alias: str) -> list[str]:
        """Has the alias there name what the registry's names; for the champion the endpoint's traffic too."""
        return VertexAliases(self._target, self._settings).follow(registry, alias)

    def _there(self, name: str) -> tuple[VertexPlace, aiplatform_v1.ModelServiceClient]:
        """The place of a version that was pushed by the first environment, wherever that pushes to by now."""
        found = _NAME.fullmatch(name)
        region = found[1] if found else self._target.region
        where = place(self._source.model_copy(update={"project": self._project, "region": region}))
        return where, _client(where)

    def _versions(self, model: str) -> list[aiplatform_v1.Model]:
        """The versions of a model, the first at place 0; none where there is no such model."""
        asked, role = "for the model's versions", f"roles/aiplatform.user on projects/{self._target.project}"
        try:
            with _role_named(role), failures(self._place, asked):
                pages = call(self._place, asked, self._models.list_model_versions, name=model)
                return sorted(pages, key=lambda one: int(one.version_id))
        except ServiceFailure as failure:
            if failure.status == 404:
                return []
            raise


def _client(where: VertexPlace) -> aiplatform_v1.ModelServiceClient:
    with submit.quiet():
        return aiplatform_v1.ModelServiceClient(**reach(where))


def _evaluations(
    where: VertexPlace, models: aiplatform_v1.ModelServiceClient, name: str
) -> list[aiplatform_v1.ModelEvaluation]:
    with failures(where, "for the evaluations"):
        return list(call(where, "for the evaluations", models.list_model_evaluations, parent=name))


def _kind(evaluation: aiplatform_v1.ModelEvaluation) -> tuple[str, str]:
    return str(evaluation.display_name), str(evaluation.metrics_schema_uri)


def _is_copy(model: aiplatform_v1.Model, of: str, number: int) -> bool:
    """Whether a version is a copy of another: as the service says of it, else by the label of its number."""
    original, label = str(model.original_model_info.model), model.labels.get(NUMBER, "")
    if not original or original == of:
        return bool(original) or label == str(number)
    (_, project, *rest), (_, its_project, *its_rest) = of.split("/"), original.split("/")
    # The service writes a project by its number in one place, and by its id in another.
    may_be_one = project.isdigit() != its_project.isdigit()
    return may_be_one and rest == its_rest and label in ("", str(number))


def _named(versions: Sequence[aiplatform_v1.Model], alias: str) -> str:
    return next((_name(one) for one in versions if alias in one.version_aliases), "")


def _name(model: aiplatform_v1.Model) -> str:
    return f"{model.name.partition('@')[0]}@{model.version_id}"


def _short(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def _label(text: str) -> str:
    """As a label takes it: lower-case letters, digits, dashes and underscores, 63 at most."""
    return re.sub(r"[^a-z0-9_-]", "-", text.lower())[:63]


@contextlib.contextmanager
def _role_named(role: str) -> Iterator[None]:
    """Has a failure say which role is lacking where somebody may not, and what is next where a model is there by now.

    Args:
        role: of whom, and on what.

    Raises:
        ServiceFailure: the same, with another remedy.
    """
    remedies = {
        403: f"ask for {role}; millrace iam --env ENV names all that a promotion takes",
        409: "somebody else has made it meanwhile: give the same command again",
    }
    try:
        yield
    except ServiceFailure as failure:
        if failure.status not in remedies:
            raise
        remedy = remedies[failure.status]
        raise ServiceFailure(failure.what, where=failure.where or "", remedy=remedy, status=failure.status) from failure
