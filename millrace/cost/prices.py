"""The price table: dated, with its sources, and refused when it is old."""

from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Optional

from pydantic import Field, ValidationError

from millrace.base.errors import BadInput
from millrace.base.section import Section
from millrace.catalog.machine_sizes import MachineSize
from millrace.config import yaml_text

OLDEST = timedelta(days=183)
"""A table older than that is refused: prices change some times a year."""

OWN_TABLE = Path(__file__).with_name("prices.yaml")

Dollars = Annotated[float, Field(ge=0)]


class FamilyPrices(Section):
    """Dollars an hour of the machines of one series."""

    cpu: Dollars = Field(description="of a processor")
    gb: Dollars = Field(description="of a GB of memory")


class DataflowPrices(FamilyPrices):
    """Dollars an hour of a batch worker of Dataflow."""

    disk_gb: Dollars = Field(description="of a GB of standard disk")


class RegionPrices(Section):
    """Dollars an hour in one region."""

    families: dict[str, FamilyPrices] = {}
    accelerators: dict[str, Dollars] = {}
    dataflow: Optional[DataflowPrices] = None


class PriceTable(Section):
    """A price table, as its file has it."""

    date: date
    sources: tuple[str, ...] = Field(min_length=1)
    pipeline_run: Dollars
    regions: dict[str, RegionPrices]

    def machine(self, region: str, size: MachineSize, accelerator: str = "", count: int = 0) -> float:
        """Dollars an hour of a machine of Vertex AI.

        Args:
            region: where it is.
            size: what it has.
            accelerator: the type of its accelerators; empty for none.
            count: how many of them.

        Raises:
            BadInput: the table has no price of something that it has.
        """
        prices = self._region(region)
        if size.family not in prices.families:
            raise _no_price(f"{size.machine_type} in {region}", f"regions.{region}.families.{size.family}")
        if accelerator and accelerator not in prices.accelerators:
            raise _no_price(f"{accelerator} in {region}", f"regions.{region}.accelerators.{accelerator}")
        of_family = prices.families[size.family]
        machine = size.cpus * of_family.cpu + size.memory_gb * of_family.gb
        return machine + (count * prices.accelerators[accelerator] if accelerator else 0.0)

    def dataflow_worker(self, region: str, size: MachineSize, disk_gb: float) -> float:
        """Dollars an hour of a batch worker of Dataflow; what it shuffles is not in it.

        Args:
            region: where it is.
            size: its machine.
            disk_gb: its disk.

        Raises:
            BadInput: the table has no prices of Dataflow there.
        """
        prices = self._region(region).dataflow
        if prices is None:
            raise _no_price(f"Dataflow in {region}", f"regions.{region}.dataflow")
        return size.cpus * prices.cpu + size.memory_gb * prices.gb + disk_gb * prices.disk_gb

    def _region(self, region: str) -> RegionPrices:
        if region not in self.regions:
            raise _no_price(region, f"regions.{region}", f" (it has {', '.join(self.regions)})")
        return self.regions[region]


def load_prices(file: Optional[str], today: date, old: bool = False) -> PriceTable:
    """Reads a price table.

    Args:
        file: of one's own; None for the one that comes with the library.
        today: the day on which it is used.
        old: whether a table that is older than `OLDEST` will do.

    Raises:
        BadInput: it cannot be read, is no such table, or is too old.
    """
    path = Path(file) if file else OWN_TABLE
    table = _read(path)
    # A day is not over everywhere when it is here.
    if table.date - today > timedelta(days=1):
        raise BadInput(
            f"the price table is of {table.date}, a day to come, and would never be old",
            where=str(path),
            remedy="write the day on which its prices were read",
        )
    if today - table.date > OLDEST and not old:
        raise BadInput(
            f"the price table is of {table.date}, more than half a year old",
            where=str(path),
            remedy="upgrade the library, or name a table of your own with today's prices in vertex.cost.prices, as "
            "millrace cost --refresh -o prices.yaml writes; --old-prices, or vertex.cost.old_prices: true, takes it as "
            "it is",
        )
    return table


@cache
def _read(path: Path) -> PriceTable:
    remedy = f"its keys are those of {OWN_TABLE}"
    try:
        return PriceTable.model_validate(yaml_text.read_file(path).values)
    except FileNotFoundError as error:
        raise BadInput("there is no such price table", where=str(path), remedy=remedy) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise BadInput(f"no price table: {place or 'it'}: {first['msg']}", where=str(path), remedy=remedy) from error


def _no_price(of: str, key: str, more: str = "") -> BadInput:
    return BadInput(
        f"the price table has no price of {of}{more}",
        where=key,
        remedy=f"copy {OWN_TABLE}, add it with its date, and name the copy in vertex.cost.prices",
    )
