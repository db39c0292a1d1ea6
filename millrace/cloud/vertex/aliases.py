"""The registry's aliases in Vertex AI: an alias that moved here moves there, and the champion gets the traffic."""

from typing import Optional

from google.cloud import aiplatform_v1

from millrace.cloud.remote.failures import ServiceFailure
from millrace.cloud.vertex import submit
from millrace.cloud.vertex.client import call, failures, place, reach
from millrace.components.vertex_pusher.section import VertexEndpoint
from millrace.config.cloud_sections import VertexDeployment
from millrace.registry.events import CHAMPION
from millrace.registry.registry import Registry
from millrace.registry.version import Version
from millrace.registry.vertex import FOLLOWS

# The version that Vertex AI means where a request names the model alone.
_DEFAULT = "default"


class VertexAliases:
    """The aliases of one model in Vertex AI's registry, and the traffic of its endpoint.

    Args:
        target: the section `push.vertex`.
        settings: the section `vertex`, which says how the service is reached.

    Raises:
        ServiceFailure: there are no credentials.
    """

    def __init__(self, target: VertexEndpoint, settings: VertexDeployment) -> None:
        self._endpoint = target.endpoint
        self._place = place(settings.model_copy(update={"project": target.project, "region": target.region}))
        options = reach(self._place)
        with submit.quiet():
            self._models = aiplatform_v1.ModelServiceClient(**options)
            self._endpoints = aiplatform_v1.EndpointServiceClient(**options)

    def follow(self, registry: Registry, alias: str) -> list[str]:
        """Has Vertex AI's alias name what the registry's names; for the champion `default` too, and the traffic.

        Args:
            registry: of the pipeline, which has decided.
            alias: its name.

        Returns:
            What was done, in sentences.

        Raises:
            ServiceFailure: the service says no, or says nothing; the registry stays as it is.
        """
        version = registry.aliases().get(alias)
        try:
            done = self._named(alias, version) if version else self._removed(registry, alias)
            if version and alias == CHAMPION:
                done.append(self._sent(version))
        except ServiceFailure as failure:
            raise ServiceFailure(
                f"{alias} has moved here, and Vertex AI has not followed: {failure.what}",
                where=failure.where or "",
                remedy=f"{failure.remedy}; then give the same command again",
                status=failure.status,
            ) from failure
        registry.record(FOLLOWS, version, "", {"alias": alias, "done": done})
        return done

    def _named(self, alias: str, version: Version) -> list[str]:
        aliases = [alias, _DEFAULT] if alias == CHAMPION else [alias]
        self._merge(version.facts.vertex, aliases)
        return [f"Vertex AI: {alias} is {_short(version.facts.vertex)}"]

    def _removed(self, registry: Registry, alias: str) -> list[str]:
        """The alias is taken from whichever version has it."""
        models = {one.facts.vertex.partition("@")[0] for one in registry.versions() if one.facts.vertex}
        done = []
        for model in sorted(models):
            with failures(self._place, "for the model's versions"):
                pages = call(self._place, "for the model's versions", self._models.list_model_versions, name=model)
                named = [one.version_id for one in pages if alias in one.version_aliases]
            for number in named:
                self._merge(f"{model}@{number}", [f"-{alias}"])
                done.append(f"Vertex AI: {alias} is no alias of {_short(model)}@{number} any more")
        return done

    def _merge(self, name: str, aliases: list[str]) -> None:
        merge = self._models.merge_version_aliases
        call(self._place, "to move the alias", merge, name=name, version_aliases=aliases)

    def _sent(self, version: Version) -> str:
        """All of the endpoint's traffic goes to the version, where it is deployed there."""
        endpoint = self._found()
        if endpoint is None:
            return f"Vertex AI: there is no endpoint {self._endpoint}, so no traffic moves"
        wanted = _identity(version.facts.vertex, "")
        deployed = [one.id for one in endpoint.deployed_models if _identity(one.model, one.model_version_id) == wanted]
        if not deployed:
            name = _short(version.facts.vertex)
            return f"Vertex AI: {name} is not deployed to {self._endpoint}, whose traffic stays as it is"
        if endpoint.traffic_split.get(deployed[-1]) != 100:
            split = aiplatform_v1.Endpoint(name=endpoint.name, traffic_split={deployed[-1]: 100})
            update = self._endpoints.update_endpoint
            mask = {"paths": ["traffic_split"]}
            call(self._place, "to move the traffic", update, endpoint=split, update_mask=mask)
        return f"Vertex AI: all traffic of {self._endpoint} goes to {_short(version.facts.vertex)}"

    def _found(self) -> Optional[aiplatform_v1.Endpoint]:
        asked = aiplatform_v1.ListEndpointsRequest(parent=self._place.parent, filter=f'display_name="{self._endpoint}"')
        with failures(self._place, "for the endpoint"):
            return next(iter(call(self._place, "for the endpoint", self._endpoints.list_endpoints, asked)), None)


def _identity(name: str, version: str) -> tuple[str, str]:
    """A model's id and version: the service writes a project by its number, and a version behind `@` or beside it."""
    model, _, behind = name.rsplit("/", 1)[-1].partition("@")
    return model, behind or version


def _short(name: str) -> str:
    return name.rsplit("/", 1)[-1]
