"""Terraform's values of an environment, from its configuration and its compiled job: nothing is said twice."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Optional

from millrace.access.agents import address, agent
from millrace.access.grants import PROMOTER, SUBMITTER, TEMPLATE_WRITER, Grant, merged
from millrace.access.needs import needs
from millrace.access.promotion import promotion_of
from millrace.access.stores import Kind, Store, own_projects, stores
from millrace.base.errors import BadInput
from millrace.config.config import Config
from millrace.infrastructure.settings import (
    Account,
    Alerts,
    Bucket,
    Budget,
    Key,
    Logs,
    Network,
    Repository,
    RoleGrant,
    Secret,
    Settings,
    Tensorboard,
    Trigger,
)
from millrace.infrastructure.temporary import TemporaryFolder, split_place, temporary_folders
from millrace.jobspec.job import CompiledJob
from millrace.jobspec.rules.encryption import key_location

_ACCOUNT = re.compile(r"([a-z][a-z0-9-]*)@([a-z0-9.:-]+)\.iam\.gserviceaccount\.com")
_KEY = re.compile(r"projects/([^/]+)/locations/([^/]+)/keyRings/([^/]+)/cryptoKeys/([^/]+)")
_REGIONAL_SECRET = re.compile(r"projects/[^/]+/locations/[^/]+/secrets/[^/]+")
_KEY_ROLE = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
# What a role is given on, by its name; the module `grants` has a resource of Terraform's for each, and `keys` for keys.
_KINDS = (
    ("bucket", re.compile(r"gs://[^/]+")),
    ("project", re.compile(r"projects/[^/]+")),
    ("secret", re.compile(r"projects/[^/]+/secrets/[^/]+")),
    ("repository", re.compile(r"projects/[^/]+/locations/[^/]+/repositories/[^/]+")),
    ("dataset", re.compile(r"projects/[^/]+/datasets/[^/]+")),
    ("key", _KEY),
    ("account", re.compile(r"projects/[^/]+/serviceAccounts/\S+")),
)
_FORMATS: dict[Kind, str] = {"images": "DOCKER", "templates": "KFP"}
# Whose agents write with the key of what Terraform makes.
_WRITES_WITH_KEYS: dict[Kind, tuple[str, ...]] = {
    "bucket": ("Cloud Storage",),
    "images": ("Artifact Registry",),
    "templates": ("Artifact Registry",),
    "secret": ("Secret Manager",),
    "logs": ("BigQuery",),
    "tensorboard": ("Vertex AI",),
    "trigger": ("Pub/Sub", "Cloud Run", "Cloud Functions", "Eventarc", "Artifact Registry", "Cloud Storage"),
}


def settings(job: CompiledJob, config: Config, beside: Iterable[Config] = ()) -> Settings:
    """The values of one pipeline in one environment.

    Args:
        job: for Vertex AI, compiled of the configuration.
        config: the configuration in that environment.
        beside: the configurations of its other pipelines, into whose folders no rule that deletes may reach.

    Raises:
        BadInput: no project is set, a key has no resource that could have it, or a network has no name.
    """
    found = [*needs(job, config), *(one for one in promotion_of(config) if _is_own(one, config))]
    deploy, project = config.deploy, config.vertex.project or ""
    known = [one for one in stores(job, config) if one.given_by == "Terraform"]
    _require_keys_of_the_region(config)
    grants = merged([*found, *_of_keys(known, config)])
    projects = own_projects(config)
    trigger = tuple(_triggers(config))
    endpoint = config.push.vertex
    return Settings(
        environment=config.environment,
        pipelines=(config.name,),
        project=project,
        region=config.vertex.region,
        labels=config.vertex.labels,
        projects=tuple(projects),
        services=tuple(_services(job, config, found)),
        accounts=tuple(_accounts(grants, config, projects)),
        grants=tuple(_granted(grants, config)),
        keys=tuple(_keys(grants, projects)),
        buckets=tuple(_buckets(known, config, temporary_folders(job, config, beside))),
        repositories=tuple(
            Repository(project=part[1], location=part[3], name=part[5], format=_FORMATS[one.kind], key=one.key)
            for one in known
            if (part := one.resource.split("/")) and one.kind in _FORMATS
        ),
        secrets=tuple(
            Secret(project=part[1], name=part[3], key=one.key, location=config.vertex.region)
            for one in known
            if (part := one.resource.split("/")) and one.kind == "secret"
        ),
        logs=_some(
            deploy.log_dataset and Logs(dataset=deploy.log_dataset, location=config.vertex.region, key=_key(config))
        ),
        tensorboards=_some(
            deploy.tensorboard and Tensorboard(name=deploy.tensorboard, region=config.vertex.region, key=_key(config))
        ),
        alerts=Alerts(mail=deploy.alert_mail, endpoints=(endpoint.project,) if endpoint else ()),
        budgets=_some(
            deploy.budget and Budget(billing_account=deploy.budget.billing_account, dollars=deploy.budget.dollars)
        ),
        networks=_some(_network(config)),
        triggers=trigger,
    )


def given_by_hand(config: Config) -> list[Grant]:
    """What a promotion to an environment takes in the project of the one before it: that one's state is another.

    Args:
        config: of the environment that takes versions in.
    """
    return [one for one in promotion_of(config) if not _is_own(one, config)]


def given_no_module(grants: Iterable[Grant]) -> list[Grant]:
    """What no module of deploy/terraform gives, and a person has to: roles on secrets of one region alone.

    Args:
        grants: of a job.
    """
    return [one for one in grants if _REGIONAL_SECRET.fullmatch(one.resource)]


def together(each: Iterable[Settings]) -> Settings:
    """The values of several pipelines of one environment, what they share once.

    Args:
        each: of one pipeline; at least one.

    Raises:
        BadInput: they are of several environments, projects or regions, or say different things of one resource.
    """
    first, *others = each
    for other in others:
        for field in ("environment", "project", "region", "labels"):
            if getattr(first, field) != getattr(other, field):
                raise BadInput(
                    f"{first.pipelines[0]} and {other.pipelines[0]} differ in {field}: {getattr(first, field)} and "
                    f"{getattr(other, field)}",
                    where="deploy",
                    remedy="one state is of one environment in one project: say it in environments/ENV.yaml for both",
                )
        alerts = Alerts(
            mail=_once(first.alerts.mail, other.alerts.mail),
            endpoints=_once(first.alerts.endpoints, other.alerts.endpoints),
        )
        lists = {name: _once(value, getattr(other, name)) for name, value in first if isinstance(value, tuple)}
        lists["buckets"] = _emptied_together(lists["buckets"])
        first = first.model_copy(update={**lists, "alerts": alerts})
        _require_one_each(first)
    return first


def _once(first: tuple, second: tuple) -> tuple:  # type: ignore[type-arg]
    return tuple(dict.fromkeys((*first, *second)))


def _emptied_together(buckets: Iterable[Bucket]) -> tuple[Bucket, ...]:
    """Each bucket once where nothing but its temporary folders differs: all of them are emptied."""
    folders: dict[Bucket, set[str]] = {}
    for one in buckets:
        folders.setdefault(one.model_copy(update={"temporary": ()}), set()).update(one.temporary)
    return tuple(one.model_copy(update={"temporary": tuple(sorted(each))}) for one, each in folders.items())


# By what the modules tell two of a kind apart; of budgets there is one a billing account.
_IDENTITIES = {
    "buckets": ("name",),
    "repositories": ("project", "location", "name"),
    "secrets": ("project", "name"),
    "logs": ("dataset",),
    "tensorboards": ("name",),
    "networks": ("name",),
    "budgets": ("billing_account",),
    "triggers": ("pipeline",),
}


def _require_one_each(whole: Settings) -> None:
    for kind, fields in _IDENTITIES.items():
        names = ["/".join(getattr(one, field) for field in fields) for one in getattr(whole, kind)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise BadInput(
                f"two pipelines say different things of {twice[0]}",
                where=f"deploy: {kind}",
                remedy="one of them must not differ: millrace config show --env for each of them",
            )


def _is_own(grant: Grant, config: Config) -> bool:
    # An account, which has no path, is the one that this environment's tasks run as.
    return "/" not in grant.resource or grant.resource.split("/")[1] in own_projects(config)


def _some(value: object) -> tuple:  # type: ignore[type-arg]
    return (value,) if value else ()


def _key(config: Config) -> str:
    return config.vertex.encryption_key or ""


def _require_keys_of_the_region(config: Config) -> None:
    """Buckets, datasets and topics are made in the job's region, and take a key of just that."""
    key, region = _key(config), config.vertex.region
    if key and key_location(key) != region:
        raise BadInput(
            f"the key is in {key_location(key)}, and what has it is made in {region}",
            where=config.place("vertex.encryption_key"),
            remedy=f"name a key of {region}",
        )


def _of_keys(known: Iterable[Store], config: Config) -> Iterator[Grant]:
    """Google's agents that write with a key what Terraform makes."""
    project = config.vertex.project or ""
    for one in known:
        if not one.key:
            continue
        owner = one.resource.split("/")[1] if one.kind in ("images", "templates", "secret") else project
        for service in _WRITES_WITH_KEYS[one.kind]:
            yield Grant(agent(service, owner), _KEY_ROLE, one.key, (f"Terraform: {one.name} has this key",))


def _granted(grants: Iterable[Grant], config: Config) -> Iterator[RoleGrant]:
    for grant in grants:
        resource, number_of = address(grant.resource)
        account = _ACCOUNT.fullmatch(resource)
        if number_of:
            resource = f"projects/{number_of}/serviceAccounts/{resource}"
        elif account:
            resource = f"projects/{account[2]}/serviceAccounts/{resource}"
        kind = next((name for name, pattern in _KINDS if pattern.fullmatch(resource)), None)
        if _REGIONAL_SECRET.fullmatch(resource):
            continue
        if kind is None:
            raise BadInput(
                f"no module gives {grant.role} on {grant.resource}",
                where="deploy/terraform/modules/grants",
                remedy="give it by hand, or write a resource of Terraform's for it",
            )
        for member, member_number_of in _members(grant.account, config):
            yield RoleGrant(
                kind=kind, resource=resource, role=grant.role, member=member,
                number_of=member_number_of, resource_number_of=number_of,
            )  # fmt: skip


def _members(account: str, config: Config) -> Iterator[tuple[str, str]]:
    if account == SUBMITTER:
        trigger = config.deploy.trigger
        own = (f"serviceAccount:{trigger.service_account}",) if trigger else ()
        yield from ((one, "") for one in dict.fromkeys((*config.deploy.submitters, *own)))
        return
    named = {TEMPLATE_WRITER: config.deploy.template_writers, PROMOTER: config.deploy.promoters}
    if account in named:
        yield from ((one, "") for one in named[account])
        return
    text, number_of = address(account)
    yield f"serviceAccount:{text}", number_of


def _accounts(grants: Iterable[Grant], config: Config, projects: list[str]) -> Iterator[Account]:
    named = [one for grant in grants for one in (grant.account, grant.resource)]
    if config.push.vertex and config.push.vertex.service_account:
        named.append(config.push.vertex.service_account)
    if config.deploy.trigger:
        named.append(config.deploy.trigger.service_account)
    for one in dict.fromkeys(named):
        account = _ACCOUNT.fullmatch(one)
        if account and account[2] in projects:
            yield Account(project=account[2], account_id=account[1])


def _keys(grants: Iterable[Grant], projects: list[str]) -> Iterator[Key]:
    for resource in dict.fromkeys(grant.resource for grant in grants if grant.role == _KEY_ROLE):
        part = _KEY.fullmatch(resource)
        if part and part[1] in projects:
            yield Key(project=part[1], location=part[2], ring=part[3], name=part[4])


def _buckets(known: Iterable[Store], config: Config, folders: Iterable[TemporaryFolder]) -> Iterator[Bucket]:
    for one in known:
        if one.kind == "bucket":
            emptied = {each.prefix for each in folders if each.bucket == one.resource and not each.spared}
            yield Bucket(
                project=config.vertex.project or "",
                location=config.vertex.region,
                name=one.resource.removeprefix("gs://"),
                key=one.key,
                temporary=tuple(sorted(emptied)),
                temporary_days=config.deploy.temporary_days,
                old_days=config.deploy.old_versions_days,
            )


def _services(job: CompiledJob, config: Config, found: Iterable[Grant]) -> Iterator[str]:
    """The services to switch on: those of the roles, and those of what is made beside."""
    by_role = {"roles/dataflow": "dataflow", "roles/bigquery": "bigquery", _KEY_ROLE: "cloudkms"}
    by_role |= {"roles/artifactregistry": "artifactregistry", "roles/secretmanager": "secretmanager"}
    deploy = config.deploy
    used = {"aiplatform", "storage", "iam", "cloudresourcemanager", "compute"}
    used |= {service for role, service in by_role.items() for grant in found if grant.role.startswith(role)}
    used |= {"cloudkms"} if _key(config) else set()
    used |= {"monitoring", "logging"} if deploy.alert_mail or deploy.log_dataset else set()
    used |= {"bigquery"} if deploy.log_dataset else set()
    used |= {"billingbudgets"} if deploy.budget else set()
    used |= {"servicenetworking"} if deploy.network else set()
    if deploy.trigger:
        used |= {"pubsub", "cloudscheduler", "cloudfunctions", "run", "eventarc", "cloudbuild", "artifactregistry"}
    yield from (f"{one}.googleapis.com" for one in sorted(used))


def _network(config: Config) -> Optional[Network]:
    asked = config.deploy.network
    if asked is None:
        return None
    dataflow = (config.vertex.beam or config.beam).dataflow
    name = config.vertex.network.rpartition("/")[2] or (dataflow.network if dataflow else "")
    if not name:
        raise BadInput(
            "a private network is asked for, and the job names none",
            where=config.place("deploy.network"),
            remedy="name it in vertex.network: projects/NUMBER/global/networks/NAME",
        )
    subnetwork = (dataflow.subnetwork.rpartition("/")[2] if dataflow else "") or name
    ranges = config.vertex.reserved_ip_ranges
    return Network(
        name=name, subnetwork=subnetwork, region=config.vertex.region, range=asked.range,
        peering=ranges[0] if ranges else f"{name}-vertex", peering_prefix=asked.peering_prefix,
    )  # fmt: skip


def _triggers(config: Config) -> Iterator[Trigger]:
    function = config.deploy.trigger
    if function is None:
        return
    if not config.triggers.starts_something:
        raise BadInput(
            "a function that starts runs is asked for, and nothing says when",
            where=config.place("deploy.trigger"),
            remedy="say it in triggers: a time of cron, a new span, an alert; or leave deploy.trigger out",
        )
    zone, cron = re.fullmatch(r"(?:(?:CRON_)?TZ=(\S+) )?(.*)", config.triggers.cron, re.DOTALL).groups()  # type: ignore[union-attr]
    bucket, _, name = function.source.removeprefix("gs://").partition("/")
    yield Trigger(
        pipeline=config.name, cron=cron, time_zone=zone or "Etc/UTC",
        data_bucket=""
        if config.triggers.span is None
        else split_place(config.vertex.data_path or config.data.path)[0].removeprefix("gs://"),
        data_of=function.data_project or config.vertex.project or "",
        bucket=bucket, object=name, entry_point=function.entry_point, runtime=function.runtime,
        account=function.service_account, location=config.vertex.region, key=_key(config),
        config=Path(config.file).name,
    )  # fmt: skip
