"""Google Cloud's billing catalogue: the public prices of each service, as its REST API lists them, page by page.

https://cloud.google.com/billing/v1/how-tos/catalog-api
"""

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import requests
from google.auth.transport.requests import AuthorizedSession

from millrace.base.errors import BadInput
from millrace.base.shapes import NoDocument, misshapen, without_nulls
from millrace.cloud.remote.failures import ServiceFailure, refused
from millrace.cloud.remote.google import LOG_IN
from millrace.cloud.remote.sending import PAUSES, send_once
from millrace.cloud.vertex.client import VertexPlace, credentials, failures, place
from millrace.config.cloud_sections import VertexDeployment

API = "https://cloudbilling.googleapis.com"
_REMEDIES = {
    401: LOG_IN,
    403: "switch the API on in vertex.project: gcloud services enable cloudbilling.googleapis.com",
}
_MEANWHILE = "; nothing was written, and --old-prices takes the table that is there"

Sku = Mapping[str, Any]

# Of 5,000 entries each. Compute Engine, the largest service, has some ten.
_MOST_PAGES = 200
_NAMED = {"displayName": str, "name": str}


class _CataloguePlace(VertexPlace):
    """Where prices are, reached with the credentials and the patience that are Vertex AI's."""

    @property
    def title(self) -> str:
        """The place as messages name it."""
        return "Google Cloud's billing catalogue" + (f" at {self.endpoint}" if self.is_local else "")


def published_prices(
    services: tuple[str, ...], settings: VertexDeployment, pauses: tuple[float, ...] = PAUSES
) -> dict[str, list[Sku]]:
    """All that some services have a price for, in US dollars.

    Args:
        services: as the catalogue calls them, such as Compute Engine.
        settings: whose quota the requests count for, and a stand-in's address.
        pauses: seconds before each further try of a request that failed.

    Returns:
        By service; a service that the catalogue does not have is left out.

    Raises:
        BadInput: the catalogue cannot be read to its end, or no project is set.
    """
    found = place(settings)
    where = _CataloguePlace(found.project, found.region, found.endpoint, found.account, found.seconds)
    try:
        session = requests.Session() if where.is_local else AuthorizedSession(credentials(where))
        names = {
            str(one.get("displayName")): str(one.get("name"))
            for one in _pages(session, where, "services", "services", pauses)
        }
        return {
            service: list(_pages(session, where, f"{names[service]}/skus", "skus", pauses, currencyCode="USD"))
            for service in services
            if service in names
        }
    except ServiceFailure as failure:
        raise BadInput(failure.what, where=failure.where, remedy=f"{failure.remedy}{_MEANWHILE}") from failure


def _pages(
    session: requests.Session, where: VertexPlace, path: str, key: str, pauses: tuple[float, ...], **asked: str
) -> Iterator[Sku]:
    address = f"{where.endpoint if where.is_local else API}/v1/{path}"
    params = {**asked, "pageSize": "5000"}
    seen: set[str] = set()
    while True:
        page = send_once(
            functools.partial(_page, session, where, address, params),
            lambda: None,
            repeatable=True,
            remedy="try again in some minutes",
            pauses=pauses,
        )
        wrong = list(misshapen(page, {key: [_NAMED], "nextPageToken": str}))
        following = "" if wrong else page.get("nextPageToken", "")
        if following in seen or len(seen) >= _MOST_PAGES:
            wrong = ["its pages have no end"]
        if wrong:
            words = f"{where.title} answered what cannot be read: {wrong[0]}"
            raise BadInput(words, where=address, remedy=f"try again later{_MEANWHILE}")
        yield from page.get(key, ())
        if not following:
            return
        seen.add(following)
        params = {**params, "pageToken": following}


def _page(session: requests.Session, where: VertexPlace, address: str, params: Mapping[str, str]) -> dict[str, Any]:
    asked = "for the prices"
    with failures(where, asked):
        answer = session.get(address, params=dict(params), timeout=where.seconds)
    try:
        said = without_nulls(answer.json())
    except (ValueError, RecursionError, NoDocument):
        said = None
    if answer.status_code >= 400 or not isinstance(said, dict):
        told = said.get("error") if isinstance(said, dict) else None
        words = str(told.get("message") or "") if isinstance(told, dict) else ""
        raise refused(answer.status_code, words, asked, where.title, _REMEDIES)
    return said
