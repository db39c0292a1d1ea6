"""What a promotion does in Vertex AI, as the roles that it takes: a release's job, a version copied between projects.

https://cloud.google.com/vertex-ai/docs/model-registry/copy-model: the agent of the project that takes a model in
exports it from the other one.
"""

from collections.abc import Iterator

from millrace.access.agents import agent, default_account
from millrace.access.grants import PROMOTER, Grant, merged
from millrace.access.needs import image_pulled, sent_by
from millrace.components.vertex_pusher.section import VertexEndpoint
from millrace.config import environments
from millrace.config.config import Config
from millrace.config.loading import load

_KEY = "roles/cloudkms.cryptoKeyEncrypterDecrypter"


def promotion_of(config: Config) -> list[Grant]:
    """The least roles for a promotion to a configuration's environment; none where nothing is promoted to it.

    Args:
        config: of the environment that takes versions and releases in.

    Raises:
        ConfigError: the environment that they come from cannot be read.
    """
    return merged([*_of_releases(config), *_of_versions(config)])


def _of_releases(config: Config) -> Iterator[Grant]:
    """Whoever promotes sends the release's job, and reads which releases ran in the environment before."""
    before, project = config.promotion.release_from, config.vertex.project
    if before is None or not project:
        return
    yield from sent_by(PROMOTER, "promote", project, config.vertex.service_account or default_account(project))
    source = load(config.file, [environments.option(before)]).vertex.project if before else None
    if source and source != project:
        yield Grant(
            PROMOTER, "roles/aiplatform.viewer", f"projects/{source}", (f"promote: reads what ran in {before}",)
        )


def _of_versions(config: Config) -> list[Grant]:
    after, target = config.promotion.after, config.push.vertex
    if after is None or target is None:
        return []
    source = load(config.file, [environments.option(after)] if after else []).push.vertex
    return list(promotion_needs(source, target)) if source else []


def promotion_needs(source: VertexEndpoint, target: VertexEndpoint) -> Iterator[Grant]:
    """The least roles for `millrace promote VERSION` between two environments that push to Vertex AI.

    Args:
        source: `push.vertex` of the environment that a version comes from.
        target: of the one that takes it in.
    """
    there, here = f"projects/{target.project}", f"projects/{source.project}"
    does = ("copies the version", "gives the copy labels, evaluations and its alias", "moves the endpoint's traffic")
    yield Grant(PROMOTER, "roles/aiplatform.user", there, tuple(f"promote: {one}" for one in does))
    its_agent = agent("Vertex AI", target.project)
    if here != there:
        reads = "promote: reads the version and its evaluations"
        yield Grant(PROMOTER, "roles/aiplatform.viewer", here, (reads,))
        exports = f"promote: Vertex AI of {target.project} exports the version from there"
        yield Grant(its_agent, "roles/aiplatform.serviceAgent", here, (exports,))
    if target.encryption_key:
        yield Grant(its_agent, _KEY, target.encryption_key, ("promote: the copy has this key",))
    yield from image_pulled(its_agent, source.image, "promote: the copy keeps the version's serving image")
