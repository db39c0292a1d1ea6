"""Regions of Google Cloud."""

import re
from collections.abc import Iterator
from typing import Optional

from millrace.base.names import did_you_mean
from millrace.catalog.google_cloud import REGIONS
from millrace.catalog.objections import Objection, unknown

_SHAPE = re.compile(r"([a-z]+)-([a-z]+)[0-9]{1,2}")
_PARTS = [match.groups() for match in map(_SHAPE.fullmatch, REGIONS) if match]


def region_of_subnetwork(subnetwork: str) -> Optional[str]:
    """The region in `regions/REGION/subnetworks/NAME` or a full address that ends so; None for another form."""
    inside = re.search(r"(?:^|/)regions/([^/]+)/subnetworks/[^/]+$", subnetwork)
    return inside[1] if inside else None


def region_objections(region: str) -> Iterator[Objection]:
    """What speaks against a region's name: a place that is called as others are may be a new one.

    Args:
        region: for instance europe-west4.
    """
    if region in REGIONS:
        return
    shape = _SHAPE.fullmatch(region)
    continents, directions = ({parts[side] for parts in _PARTS} for side in (0, 1))
    if shape and shape[1] in continents and shape[2] in directions:
        yield unknown(f"the region {region} is not known here", "see that Vertex AI is there")
    elif re.fullmatch(r"[a-z]+-[a-z]+[0-9]+-[a-z]", region):
        yield Objection(f"{region} is a zone, and a region is needed", f"write {region[:-2]}")
    else:
        yield Objection(
            f"there is no region {region}{did_you_mean(region, REGIONS)}",
            "https://cloud.google.com/vertex-ai/docs/general/locations lists them",
        )
