"""`millrace rollout compile`: a policy as what a service in a cloud understands of it."""

import click
import yaml

from millrace.base.errors import BadInput
from millrace.cli.models.models import opened
from millrace.cli.options import config_options
from millrace.cli.output import echo
from millrace.config.loading import load
from millrace.serving.rollouts import policy_of
from millrace.serving.service_plan import ServicePlan, kserve_plan, vertex_plan


@click.command("compile")
@click.argument("version")
@click.option("--for", "service", required=True, type=click.Choice(["vertex", "kserve"]), help="The service.")
@click.option("--policy", default="canary", show_default=True, metavar="NAME", help="Of rollout.policies, or a kind.")
@click.option("--endpoint", default="", metavar="ID", help="Vertex AI: the id of the endpoint.")
@click.option("--model", default="", metavar="RESOURCE", help="Vertex AI: the candidate, projects/P/.../models/M@V.")
@click.option(
    "--storage-uri", default="", metavar="URI", help="KServe: a folder with the candidate's numbered one alone."
)
@click.option("--champion-uri", default="", metavar="URI", help="KServe: the same of the champion.")
@config_options
def compile_command(
    config_file: str,
    overrides: tuple[str, ...],
    version: str,
    service: str,
    policy: str,
    endpoint: str,
    model: str,
    storage_uri: str,
    champion_uri: str,
) -> None:
    """Write a policy for Vertex AI or KServe as YAML: what to send, when, and how to go back.

    What the service cannot keep of the policy is said on standard error, and at the head of the YAML.
    """
    config = load(config_file, overrides)
    chosen = policy_of(config, policy)
    with opened(config) as registry:
        numbers = registry.champion().number, registry.version(version).number
    if service == "kserve":
        _require({"--storage-uri": storage_uri, "--champion-uri": champion_uri})
        plan = kserve_plan(chosen, config.name, config.kubeflow.namespace, storage_uri, champion_uri)
    else:
        _require({"--endpoint": endpoint, "--model": model})
        if config.push.vertex is None:
            raise BadInput(
                "there is no push.vertex, which says on which machines versions are served",
                where=config.place("push"),
                remedy="write it: push: {vertex: {project: P, region: R, endpoint: NAME, image: SERVING_IMAGE}}",
            )
        plan = vertex_plan(chosen, config.push.vertex, endpoint, model, *numbers)
    for line in plan.not_kept:
        echo(f"not kept: {line}", err=True)
    echo(_text(plan).rstrip())


def _require(options: dict[str, str]) -> None:
    missing = [name for name, value in options.items() if not value]
    if missing:
        raise BadInput(f"{' and '.join(missing)} must be given", remedy="millrace rollout compile --help says what")


def _text(plan: ServicePlan) -> str:
    """One YAML document for each step, with a comment that says when, and the one that goes back as the last."""
    head = "".join(f"# not kept: {line}\n" for line in plan.not_kept)
    parts = [
        f"# {one.what}, {one.after_minutes:g} minutes after the first\n{yaml.safe_dump(one.document, sort_keys=False)}"
        for one in plan.steps
    ]
    parts.append(f"# back, at any time\n{yaml.safe_dump(plan.back.document, sort_keys=False)}")
    return head + "---\n" + "---\n".join(parts)
