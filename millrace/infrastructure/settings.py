"""The values that the Terraform modules take, as types: the module environment declares the same, one by one."""

from pydantic import BaseModel, ConfigDict


class Values(BaseModel):
    """A value of Terraform's: all of its attributes are written, so that none is a default of two places."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Account(Values):
    """A service account to make."""

    project: str
    account_id: str


class RoleGrant(Values):
    """A role; NUMBER in the member or the resource is the number of the project that is named beside it."""

    kind: str
    resource: str
    role: str
    member: str
    number_of: str
    resource_number_of: str


class Key(Values):
    """A key, and its ring."""

    project: str
    location: str
    ring: str
    name: str


class Bucket(Values):
    """A bucket that the job writes into; what `temporary` names is deleted after a while, and nothing else.

    Attributes:
        project: in which it is made.
        location: where.
        name: without gs://.
        key: of its objects; empty for Google's own.
        temporary: what the names of objects begin with that are deleted after `temporary_days`; empty: all stay.
        temporary_days: for how long those stay.
        old_days: for how long what was replaced or deleted stays.
    """

    project: str
    location: str
    name: str
    key: str
    temporary: tuple[str, ...]
    temporary_days: int
    old_days: int


class Repository(Values):
    """A repository of images, or of templates: its format is DOCKER or KFP."""

    project: str
    location: str
    name: str
    format: str
    key: str


class Secret(Values):
    """A secret's name."""

    project: str
    name: str
    key: str
    location: str


class Logs(Values):
    """The dataset of the jobs' logs."""

    dataset: str
    location: str
    key: str


class Tensorboard(Values):
    """A TensorBoard."""

    name: str
    region: str
    key: str


class Alerts(Values):
    """Who is told, and the projects with an endpoint."""

    mail: tuple[str, ...]
    endpoints: tuple[str, ...]


class Budget(Values):
    """A month's budget."""

    billing_account: str
    dollars: int


class Network(Values):
    """A private network."""

    name: str
    subnetwork: str
    region: str
    range: str
    peering: str
    peering_prefix: int


class Trigger(Values):
    """What starts runs of a pipeline."""

    pipeline: str
    cron: str
    time_zone: str
    data_bucket: str
    data_of: str
    bucket: str
    object: str
    entry_point: str
    runtime: str
    account: str
    location: str
    key: str
    config: str


class Settings(Values):
    """All of an environment."""

    environment: str
    pipelines: tuple[str, ...]
    project: str
    region: str
    labels: dict[str, str]
    projects: tuple[str, ...]
    services: tuple[str, ...]
    accounts: tuple[Account, ...]
    grants: tuple[RoleGrant, ...]
    keys: tuple[Key, ...]
    buckets: tuple[Bucket, ...]
    repositories: tuple[Repository, ...]
    secrets: tuple[Secret, ...]
    logs: tuple[Logs, ...]
    tensorboards: tuple[Tensorboard, ...]
    alerts: Alerts
    budgets: tuple[Budget, ...]
    networks: tuple[Network, ...]
    triggers: tuple[Trigger, ...]
