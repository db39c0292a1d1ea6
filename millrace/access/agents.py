"""Accounts that nobody made: Google's own agents and a project's default account, in words and by their address.

Their addresses have the project's number, which no configuration knows: NUMBER stands for it.
"""

import re
from typing import NamedTuple

_AGENTS = {
    "the Vertex AI service agent": "service-NUMBER@gcp-sa-aiplatform.iam.gserviceaccount.com",
    "the Vertex AI Custom Code service agent": "service-NUMBER@gcp-sa-aiplatform-cc.iam.gserviceaccount.com",
    "the Dataflow service agent": "service-NUMBER@dataflow-service-producer-prod.iam.gserviceaccount.com",
    "the Compute Engine service agent": "service-NUMBER@compute-system.iam.gserviceaccount.com",
    "the Cloud Storage service agent": "service-NUMBER@gs-project-accounts.iam.gserviceaccount.com",
    "the Artifact Registry service agent": "service-NUMBER@gcp-sa-artifactregistry.iam.gserviceaccount.com",
    "the Secret Manager service agent": "service-NUMBER@gcp-sa-secretmanager.iam.gserviceaccount.com",
    "the Pub/Sub service agent": "service-NUMBER@gcp-sa-pubsub.iam.gserviceaccount.com",
    "the BigQuery service agent": "bq-NUMBER@bigquery-encryption.iam.gserviceaccount.com",
    "the Cloud Run service agent": "service-NUMBER@serverless-robot-prod.iam.gserviceaccount.com",
    "the Cloud Functions service agent": "service-NUMBER@gcf-admin-robot.iam.gserviceaccount.com",
    "the Eventarc service agent": "service-NUMBER@gcp-sa-eventarc.iam.gserviceaccount.com",
    "the Compute Engine default service account": "NUMBER-compute@developer.gserviceaccount.com",
}
_IN_WORDS = re.compile(r"(the .+ (?:agent|account)) of (\S+)")


class Address(NamedTuple):
    """An account's address.

    Args:
        text: with NUMBER in it where it has a project's number.
        number_of: whose number that is; empty where the address is whole.
    """

    text: str
    number_of: str


def agent(service: str, project: str) -> str:
    """An agent of Google's in words, as `address` reads it.

    Args:
        service: such as Vertex AI.
        project: whose.
    """
    return f"the {service} service agent of {project}"


def default_account(project: str) -> str:
    """What a task runs as where no account is named; many roles are its, and a named account is better."""
    return f"the Compute Engine default service account of {project}"


def address(account: str) -> Address:
    """An account's address, whether it is one or words.

    Args:
        account: as a grant names it.
    """
    found = _IN_WORDS.fullmatch(account)
    return Address(_AGENTS[found[1]], found[2]) if found else Address(account, "")
