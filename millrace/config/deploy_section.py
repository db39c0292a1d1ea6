"""The configuration's section `deploy:`: what Terraform makes for an environment that nothing else in the file says.

Buckets, accounts, roles, keys, images' repositories and secrets follow from the compiled job: `millrace deploy vars`.
"""

from typing import Annotated, Optional

from pydantic import Field, model_validator

from millrace.base.section import Section

# https://cloud.google.com/iam/docs/principal-identifiers, as far as people and machines are meant by them.
Member = Annotated[
    str,
    Field(pattern=r"^(user|group|serviceAccount):[^@\s]+@[^@\s]+$|^principal(Set)?://iam\.googleapis\.com/\S+$"),
]
Mail = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]


class MonthlyBudget(Section):
    """A budget of Google Cloud's billing for the environment's project: it tells, and stops nothing."""

    billing_account: str = Field(pattern=r"^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", description="its id")
    dollars: int = Field(
        ge=1, description="US dollars a month; people are told at half, at nine tenths and at all of it"
    )


class PrivateNetwork(Section):
    """A VPC network with its subnetwork and the peering that Vertex AI asks for. Their names are those of the job."""

    range: str = Field(
        pattern=r"^(\d{1,3}\.){3}\d{1,3}/\d{1,2}$", description="the subnetwork's addresses, such as 10.10.0.0/20"
    )
    peering_prefix: int = Field(default=16, ge=8, le=24, description="the size of the range for Vertex AI's machines")


class TriggerFunction(Section):
    """The function that starts runs: Cloud Scheduler and new files of a bucket reach it through a topic of Pub/Sub."""

    source: str = Field(pattern=r"^gs://[^/]+/.+\.zip$", description="its code, packed: gs://BUCKET/NAME.zip")
    entry_point: str = Field(default="on_event", pattern=r"^[A-Za-z_]\w*$", description="the function in its main.py")
    runtime: str = Field(default="python312", pattern=r"^python3\d{1,2}$", description="of Cloud Run functions")
    service_account: str = Field(
        pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]@[a-z0-9.:-]+\.iam\.gserviceaccount\.com$",
        description="that it runs as; it gets the roles of who submits",
    )
    data_project: str = Field(
        default="", description="the project of the bucket that new data comes to; left out: vertex.project"
    )


class Infrastructure(Section):
    """What is made beside the job's own needs, one Terraform state an environment."""

    state_bucket: str = Field(
        default="", pattern=r"^([a-z0-9][a-z0-9._-]{1,61}[a-z0-9])?$", description="the bucket of Terraform's state"
    )
    submitters: tuple[Member, ...] = Field(
        default=(), description="who submits, and gets the roles for it: group:ml@example.org, serviceAccount:ci@..."
    )
    template_writers: tuple[Member, ...] = Field(
        default=(), description="who puts templates into vertex.templates, and gets the role for it"
    )
    promoters: tuple[Member, ...] = Field(
        default=(), description="who promotes versions to this environment, and gets the roles for it there"
    )
    temporary_days: int = Field(default=14, ge=1, description="files in a temp_location are kept so long")
    old_versions_days: int = Field(
        default=30, ge=1, description="an object of the other buckets that was replaced or deleted is kept so long"
    )
    alert_mail: tuple[Mail, ...] = Field(
        default=(), description="who is told of jobs that fail and endpoints in trouble"
    )
    log_dataset: str = Field(
        default="", pattern=r"^[A-Za-z0-9_]*$", description="the BigQuery dataset that gets the jobs' logs; empty: none"
    )
    tensorboard: str = Field(default="", description="the display name of a Vertex AI TensorBoard; empty: none")
    budget: Optional[MonthlyBudget] = None
    network: Optional[PrivateNetwork] = None
    trigger: Optional[TriggerFunction] = None

    @model_validator(mode="after")
    def _each_is_said_once(self) -> "Infrastructure":
        named = {
            "submitters": self.submitters,
            "template_writers": self.template_writers,
            "promoters": self.promoters,
            "alert_mail": self.alert_mail,
        }
        for key, values in named.items():
            if len(set(values)) < len(values):
                raise ValueError(f"{key}: one is named twice")
        return self
