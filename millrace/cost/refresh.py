"""A price table of today, from what the billing catalogue publishes: the same keys, and what was not found is told.

The catalogue names what it sells in words alone, so that a price is taken where just one price of that name is
published for the region, on demand and by the hour. Vertex AI's own name comes first; where it has none, it is Compute
Engine's and 15 % more, as the table's head says.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Optional

import yaml

from millrace.base.shapes import WHOLE, Shape, misshapen
from millrace.base.visible import visible
from millrace.cost.prices import PriceTable, RegionPrices

COMPUTE, VERTEX, DATAFLOW = "Compute Engine", "Vertex AI", "Cloud Dataflow"
SERVICES = (VERTEX, COMPUTE, DATAFLOW)
_FEE = 1.15
_SOURCE = "https://cloudbilling.googleapis.com/v1/services"
_OF_VERTEX = "vertex ai: training/pipelines on "
_THERE = r"(?: running)? in .+"
# Names of a core and of memory that do not follow from the series' own.
_SERIES = {"n1": "n1 predefined", "n2d": "n2d amd"}
_BATCH = {
    "cpu": ("h", r"vcpu time batch(?: .+)?"),
    "gb": ("GiBy.h", r"ram time(?! streaming| flexrs)(?: batch)?(?: .+)?"),
    "disk_gb": ("GiBy.h", r"local disk time pd standard(?: .+)?"),
}

# https://cloud.google.com/billing/docs/reference/rest/v1/services.skus/list, as far as it is looked into.
_SKU: Shape = {
    "skuId": str,
    "description": str,
    "category": {"usageType": str},
    "serviceRegions": [str],
    "pricingInfo": [
        {
            "pricingExpression": {
                "usageUnit": str,
                "tieredRates": [{"unitPrice": {"units": WHOLE, "nanos": WHOLE, "currencyCode": str}}],
            }
        }
    ],
}

Skus = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass
class Refreshed:
    """A table of today, and what is said of it.

    Args:
        table: with the prices that were found.
        changes: of each price that is another than before, or was not there before.
        same: how many are as they were.
        missing: of each key that is not in the table, why.
    """

    table: PriceTable
    changes: list[str] = field(default_factory=list)
    same: int = 0
    missing: list[str] = field(default_factory=list)

    def text(self, kept_of: date) -> str:
        """The table's file.

        Args:
            kept_of: the date of the table before, of which the fee of a run is kept.
        """
        head = (
            "# Written by: millrace cost --refresh, from Google Cloud's billing catalogue. US dollars, on demand and\n"
            f"# without discounts. pipeline_run is as in the table of {kept_of}: it is not looked for there.\n"
        )
        left_out = "".join(f"# not in it: {visible(' '.join(one.split()))}\n" for one in self.missing)
        values = self.table.model_dump(mode="json", exclude_none=True)
        values["date"] = self.table.date
        return head + left_out + "\n" + yaml.safe_dump(values, sort_keys=False, default_flow_style=None, width=110)


def refreshed(before: PriceTable, regions: Iterable[str], skus: Skus, today: date) -> Refreshed:
    """The table with today's prices: the regions, series and accelerators of the one before.

    Args:
        before: the table that is there.
        regions: where prices are looked for besides, with all series and accelerators of the table.
        skus: what the catalogue publishes, by service.
        today: the day.
    """
    families = list(dict.fromkeys(one for region in before.regions.values() for one in region.families))
    accelerators = list(dict.fromkeys(one for region in before.regions.values() for one in region.accelerators))
    made = Refreshed(before)
    # What is of another shape is no price, and so is not found.
    skus = {service: [one for one in listed if not any(misshapen(one, _SKU))] for service, listed in skus.items()}
    priced: dict[str, RegionPrices] = {}
    for region in dict.fromkeys((*before.regions, *regions)):
        known = before.regions.get(region)
        of_region = _Region(region, skus, made)
        values: dict[str, Any] = {
            "families": {
                name: machine
                for name in (known.families if known else families)
                if (machine := of_region.family(name, known))
            },
            "accelerators": {
                name: price
                for name in (known.accelerators if known else accelerators)
                if (price := of_region.accelerator(name, known))
            },
            "dataflow": of_region.dataflow(known) if known is None or known.dataflow else None,
        }
        if any(values.values()):
            priced[region] = RegionPrices.model_validate(values)
    # What is kept is from where it was from.
    sources = (_SOURCE, *(one for one in before.sources if one != _SOURCE))
    made.table = PriceTable(date=today, sources=sources, pipeline_run=before.pipeline_run, regions=priced)
    return made


@dataclass
class _Region:
    """Looks prices up for one region, and tells what it found."""

    name: str
    skus: Skus
    told: Refreshed

    def family(self, name: str, known: Optional[RegionPrices]) -> Optional[dict[str, float]]:
        series = _SERIES.get(name, name)
        old = known.families[name].model_dump() if known else {}
        found = {
            key: self._machine_price(unit, rf"{re.escape(series)} instance {what}")
            for key, unit, what in (("cpu", "h", "core"), ("gb", "GiBy.h", "ram"))
        }
        return self._all(f"families.{name}", found, old)

    def accelerator(self, name: str, known: Optional[RegionPrices]) -> Optional[float]:
        model = name.removeprefix("NVIDIA_").removeprefix("TESLA_").lower().replace("_", " ")
        found = self._machine_price("h", rf"nvidia (?:tesla )?{re.escape(model)}(?: gpu)?")
        key = f"accelerators.{name}"
        whole = self._all(key, {"": found}, {"": known.accelerators[name]} if known else {})
        return whole[""] if whole else None

    def dataflow(self, known: Optional[RegionPrices]) -> Optional[dict[str, float]]:
        found = {key: self._price(DATAFLOW, unit, pattern) for key, (unit, pattern) in _BATCH.items()}
        old = known.dataflow.model_dump() if known and known.dataflow else {}
        return self._all("dataflow", found, old)

    def _all(
        self, key: str, found: Mapping[str, tuple[Optional[float], str]], old: Mapping[str, float]
    ) -> Optional[dict[str, float]]:
        """The prices under one key where all were found: half a machine has no price."""
        place = f"regions.{self.name}.{key}"
        if missing := [(part, why) for part, (price, why) in found.items() if price is None]:
            for part, why in missing:
                was = f"; it was {old[part]:g}" if part in old else ""
                self.told.missing.append(f"{f'{place}.{part}'.rstrip('.')}: {why}{was}")
            return None
        prices = {part: price for part, (price, _) in found.items() if price is not None}
        for part, price in prices.items():
            self._tell(f"{place}.{part}".rstrip("."), price, old.get(part))
        return prices

    def _tell(self, place: str, price: float, old: Optional[float]) -> None:
        if old is None:
            self.told.changes.append(f"{place}: {price:g}, new")
        elif abs(price - old) > 1e-9:
            share = f", {100 * (price / old - 1):+.1f} %" if old else ""
            self.told.changes.append(f"{place}: {price:g}, was {old:g}{share}")
        else:
            self.told.same += 1

    def _machine_price(self, unit: str, pattern: str) -> tuple[Optional[float], str]:
        own, why = self._price(VERTEX, unit, _OF_VERTEX + pattern + _THERE) if VERTEX in self.skus else (None, _NONE)
        if own is not None or why != _NONE:
            return own, why
        bare, why = self._price(COMPUTE, unit, pattern + _THERE)
        return (None if bare is None else round(bare * _FEE, 10)), why

    def _price(self, service: str, unit: str, pattern: str) -> tuple[Optional[float], str]:
        """The one price of that name, or why there is none."""
        if service not in self.skus:
            return None, f"the catalogue has no service {service}"
        named = [
            sku
            for sku in self.skus[service]
            if self.name in sku.get("serviceRegions", ())
            and sku.get("category", {}).get("usageType") == "OnDemand"
            and re.fullmatch(pattern, str(sku.get("description", "")), re.IGNORECASE)
        ]
        prices = {price for sku in named for price in _hourly(sku, unit)}
        if len(prices) == 1:
            return prices.pop(), ""
        if not named:
            return None, _NONE
        words = ", ".join(sorted(f"{sku['description']} ({sku.get('skuId', '?')})" for sku in named))
        return None, f"{'no price by the hour in dollars' if not prices else 'several prices'} of that name: {words}"


_NONE = "the catalogue has no such price on demand"


def _hourly(sku: Mapping[str, Any], unit: str) -> Iterator[float]:
    """What a SKU costs now, in dollars and by the unit that the table has; each of its rates that is not free."""
    for info in list(sku.get("pricingInfo", ()))[-1:]:
        expression = info.get("pricingExpression", {})
        for rate in expression.get("tieredRates", ()):
            price = rate.get("unitPrice", {})
            dollars = int(price.get("units") or 0) + int(price.get("nanos") or 0) / 1e9
            if dollars and expression.get("usageUnit") == unit and price.get("currencyCode") == "USD":
                yield dollars
