"""Stands for Cloud Billing's catalogue (REST v1): services and their SKUs, page by page, in the shape that it has."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fake_service import FakeGoogleService, Refused, Request

IDS = {"Compute Engine": "6F81-5844-456A", "Vertex AI": "C7E2-9256-1C43", "Cloud Dataflow": "57D6-3FBF-CFEA"}


def sku(description: str, dollars: float, unit: str = "h", usage: str = "OnDemand", **more: Any) -> dict[str, Any]:
    """One SKU of us-central1.

    Args:
        description: its name.
        dollars: of a unit.
        unit: as the catalogue writes it.
        usage: OnDemand, Preemptible or Commit1Yr.
        more: keys in place of those written here.
    """
    nanos = round(dollars * 1e9)
    price = {"currencyCode": "USD", "units": str(nanos // 10**9), "nanos": nanos % 10**9}
    rates = [{"startUsageAmount": 0, "unitPrice": price}]
    return {
        "skuId": f"{abs(hash(description)) % 16**4:04X}-0000-0000",
        "description": description,
        "category": {"resourceFamily": "Compute", "usageType": usage},
        "serviceRegions": ["us-central1", "us-east1"],
        "pricingInfo": [{"pricingExpression": {"usageUnit": unit, "tieredRates": rates}}],
        **more,
    }


@dataclass
class FakeCatalogue(FakeGoogleService):
    """The catalogue in one process.

    Args:
        skus: by service.
        page_size: how many come at once, whatever is asked for.
    """

    skus: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    page_size: int = 3

    def routes(self) -> dict[tuple[str, str], Callable[..., Any]]:
        return {("GET", "/v1/services"): self._services, ("GET", "/v1/services/([^/]+)/skus"): self._skus}

    def _services(self, request: Request) -> Any:
        others = [{"name": f"services/0000-{n}", "displayName": f"Another {n}"} for n in range(4)]
        ours = [{"name": f"services/{IDS[name]}", "displayName": name} for name in self.skus]
        return self._page(request, "services", [*others, *ours])

    def _skus(self, request: Request, service: str) -> Any:
        if request.query.get("currencyCode") != "USD":
            raise Refused(400, "Prices are asked for in dollars here.")
        [name] = [name for name, number in IDS.items() if number == service]
        return self._page(request, "skus", self.skus[name])

    def _page(self, request: Request, key: str, items: list[Any]) -> Any:
        start = int(request.query.get("pageToken") or 0)
        end = start + self.page_size
        return {key: items[start:end], "nextPageToken": str(end) if end < len(items) else ""}
