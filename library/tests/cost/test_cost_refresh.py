"""`millrace cost --refresh`: a table of today from a catalogue with planted prices; what is not there is told."""

import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from click.testing import CliRunner, Result
from fake_catalogue import FakeCatalogue, sku

from millrace.base import clock
from millrace.base.errors import BadInput
from millrace.catalog.machine_sizes import machine_size
from millrace.cli.main import millrace
from millrace.cloud.billing import published_prices
from millrace.config.cloud_sections import VertexDeployment
from millrace.cost.prices import OWN_TABLE, PriceTable, load_prices
from millrace.cost.refresh import SERVICES

OWN = yaml.safe_load(OWN_TABLE.read_text())["regions"]["us-central1"]
VERTEX = "Vertex AI: Training/Pipelines on"
SERIES = {"e2": "E2", "n1": "N1 Predefined", "n2": "N2", "a2": "A2", "g2": "G2"}
MODELS = {
    "NVIDIA_TESLA_T4": "Nvidia Tesla T4",
    "NVIDIA_TESLA_P4": "Nvidia Tesla P4",
    "NVIDIA_TESLA_P100": "Nvidia Tesla P100",
    "NVIDIA_TESLA_V100": "Nvidia Tesla V100",
    "NVIDIA_TESLA_A100": "Nvidia Tesla A100",
    "NVIDIA_A100_80GB": "Nvidia Tesla A100 80GB",
    "NVIDIA_L4": "Nvidia L4",
}


def catalogue() -> dict[str, list[dict[str, Any]]]:
    """The prices of the library's own table, E2's under Vertex AI's own name, all else as Compute Engine's."""
    vertex, compute = [], []
    for family, series in SERIES.items():
        for key, what, unit in (("cpu", "Core", "h"), ("gb", "Ram", "GiBy.h")):
            price = OWN["families"][family][key]
            name = f"{series} Instance {what} running in Americas"
            if family == "e2":
                vertex.append(sku(f"{VERTEX} {name}", price, unit))
                # Paid where the machine is reserved: no part of the price on demand.
                vertex.append(
                    sku(f"Vertex AI: Training/Pipelines Management fee on E2 Instance {what} in Iowa", 9, unit)
                )
                compute.append(sku(name, 9, unit))
            else:
                compute.append(sku(name, price / 1.15, unit))
            compute.append(sku(f"Spot Preemptible {name}", 0.001, unit, usage="Preemptible"))
            compute.append(sku(f"Commitment v1: {name}", 0.002, unit, usage="Commit1Yr"))
            compute.append(sku(name, 7, unit, serviceRegions=["europe-west6"]))
    for key, model in MODELS.items():
        compute.append(sku(f"{model} GPU running in Americas", OWN["accelerators"][key] / 1.15))
        compute.append(sku(f"{model} GPU attached to Spot Preemptible VMs running in Americas", 0.1))
    dataflow = [
        sku("vCPU Time Batch Iowa", OWN["dataflow"]["cpu"]),
        sku("vCPU Time Streaming Iowa", 9),
        sku("vCPU Time FlexRS Iowa", 9),
        sku("RAM Time Iowa", OWN["dataflow"]["gb"], "GiBy.h"),
        sku("RAM Time FlexRS Iowa", 9, "GiBy.h"),
        sku("RAM Time Streaming Iowa", 9, "GiBy.h"),
        sku("Local Disk Time PD Standard Iowa", OWN["dataflow"]["disk_gb"], "GiBy.h"),
        sku("Local Disk Time PD SSD Iowa", 9, "GiBy.h"),
    ]
    return {"Vertex AI": vertex, "Compute Engine": compute, "Cloud Dataflow": dataflow}


@pytest.fixture
def fake() -> Iterator[FakeCatalogue]:
    with FakeCatalogue(skus=catalogue()) as service:
        yield service


@pytest.fixture
def refresh(fake: FakeCatalogue, tmp_path: Path) -> Callable[..., Result]:
    where = (f"root={tmp_path}", "vertex.project=a-project", f"vertex.api_endpoint={fake.url}")

    def run(*more: str, output: bool = True) -> Result:
        options = [part for one in (*where, *more) for part in ("--set", one)]
        named = ["-o", str(tmp_path / "prices.yaml")] if output else []
        return CliRunner().invoke(millrace, ["cost", "--refresh", *named, *options], terminal_width=200)

    return run


def change(fake: FakeCatalogue, service: str, name: str, **more: Any) -> None:
    [one] = [one for one in fake.skus[service] if one["description"] == name and "us-central1" in one["serviceRegions"]]
    one |= more


def test_the_same_prices_make_the_same_table_of_today(
    fake: FakeCatalogue, refresh: Callable[..., Result], tmp_path: Path
) -> None:
    done = refresh()
    assert done.exit_code == 0, (done.output, done.exception)
    before = load_prices(None, clock.today(), old=True)
    made = load_prices(str(tmp_path / "prices.yaml"), clock.today())
    assert made.date == clock.today()
    now, then = (one.model_dump()["regions"]["us-central1"] for one in (made, before))
    assert {key: pytest.approx(value) for key, value in then["accelerators"].items()} == now["accelerators"]
    assert now["dataflow"] == pytest.approx(then["dataflow"])
    for family, prices in then["families"].items():
        assert now["families"][family] == pytest.approx(prices)
    size = machine_size("n1-standard-4")
    assert size and made.machine("us-central1", size) == pytest.approx(0.21849885)
    assert "20 prices as on 2026-09-08, 0 changed or new, 0 not found" in done.output
    assert f"pipeline_run: 0.03, kept as in the table of {before.date}" in done.output
    assert len(fake.sent("GET", "6F81-5844-456A/skus")) > 10, "it is read page by page"


def test_what_changed_is_told_and_what_is_not_there_is_left_out_and_told(
    fake: FakeCatalogue, refresh: Callable[..., Result], tmp_path: Path
) -> None:
    [info] = sku("", 0.05)["pricingInfo"]
    change(fake, "Compute Engine", "N1 Predefined Instance Core running in Americas", pricingInfo=[info])
    change(fake, "Compute Engine", "Nvidia Tesla P4 GPU running in Americas", serviceRegions=["us-east1"])
    change(fake, "Compute Engine", "N2 Instance Ram running in Americas", description="N2 Memory in Americas")
    fake.skus["Compute Engine"].append(sku("Nvidia L4 GPU running in Iowa", 0.9, skuId="AAAA-BBBB-CCCC"))
    change(
        fake, "Compute Engine", "Nvidia Tesla V100 GPU running in Americas", pricingInfo=sku("", 2, "mo")["pricingInfo"]
    )
    done = refresh()
    assert done.exit_code == 0, (done.output, done.exception)
    said = done.output.splitlines()
    assert "regions.us-central1.families.n1.cpu: 0.0575, was 0.0363527, +58.2 %" in said
    place = "not in the table: regions.us-central1"
    none = "the catalogue has no such price on demand"
    assert f"{place}.accelerators.NVIDIA_TESLA_P4: {none}; it was 0.69" in said
    assert f"{place}.families.n2.gb: {none}; it was 0.00487255" in said
    several = [one for one in said if "accelerators.NVIDIA_L4: several prices of that name" in one]
    assert several and "Nvidia L4 GPU running in Iowa (AAAA-BBBB-CCCC)" in several[0]
    assert any("NVIDIA_TESLA_V100: no price by the hour in dollars of that name" in one for one in said)
    made = load_prices(str(tmp_path / "prices.yaml"), clock.today()).regions["us-central1"]
    assert made.families["n1"].cpu == pytest.approx(0.0575)
    assert made.families.keys() == SERIES.keys() - {"n2"}
    gone = {"NVIDIA_TESLA_P4", "NVIDIA_L4", "NVIDIA_TESLA_V100"}
    assert made.accelerators.keys() == MODELS.keys() - gone
    assert all(one in (tmp_path / "prices.yaml").read_text() for one in gone), "the file itself says what it lacks"


@pytest.mark.parametrize(
    "odd",
    [
        {"pricingInfo": None},
        {"pricingInfo": [{"pricingExpression": {"tieredRates": [{"unitPrice": {"units": "x"}}]}}]},
        {"pricingInfo": [{"pricingExpression": {"tieredRates": [{"unitPrice": {"units": "1", "nanos": -5}}]}}]},
        {"category": None},
        {"serviceRegions": "us-central1"},
        {"description": None},
        {"skuId": 7},
    ],
    ids=str,
)
def test_what_is_no_price_in_the_catalogue_is_not_found_and_the_rest_is(
    fake: FakeCatalogue, refresh: Callable[..., Result], tmp_path: Path, odd: dict[str, Any]
) -> None:
    change(fake, "Compute Engine", "Nvidia L4 GPU running in Americas", **odd)
    done = refresh()
    assert done.exit_code == 0, (done.output, done.exception)
    assert "19 prices as on 2026-09-08" in done.output and "accelerators.NVIDIA_L4: " in done.output


def test_of_a_price_with_a_past_the_newest_is_taken(
    fake: FakeCatalogue, refresh: Callable[..., Result], tmp_path: Path
) -> None:
    [old], [new] = sku("", 0.1)["pricingInfo"], sku("", 0.5)["pricingInfo"]
    change(fake, "Compute Engine", "Nvidia L4 GPU running in Americas", pricingInfo=[old, new])
    assert refresh().exit_code == 0
    made = load_prices(str(tmp_path / "prices.yaml"), clock.today()).regions["us-central1"]
    assert made.accelerators["NVIDIA_L4"] == pytest.approx(0.5 * 1.15)


@pytest.mark.parametrize("skus", [7, [7], {"a": 1}], ids=str)
def test_an_answer_that_is_no_page_of_the_catalogue_writes_nothing(
    fake: FakeCatalogue, refresh: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, skus: Any
) -> None:
    monkeypatch.setattr(fake, "_page", lambda request, key, items: {key: skus})
    failed = refresh()
    assert isinstance(failed.exception, BadInput) and "answered what cannot be read" in failed.exception.what
    assert failed.exception.exit_code == 2 and not (tmp_path / "prices.yaml").exists()


@pytest.mark.parametrize(
    "tokens", [("same",), ("one", "other"), map(str, range(10**6))], ids=["itself", "the one before", "ever another"]
)
def test_a_catalogue_whose_pages_have_no_end_is_refused(
    fake: FakeCatalogue,
    refresh: Callable[..., Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tokens: Iterable[str],
) -> None:
    following = itertools.cycle(tokens)
    monkeypatch.setattr(fake, "_page", lambda request, key, items: {key: [], "nextPageToken": next(following)})
    failed = refresh()
    assert isinstance(failed.exception, BadInput) and "its pages have no end" in failed.exception.what
    assert failed.exception.exit_code == 2 and not (tmp_path / "prices.yaml").exists()


@pytest.mark.parametrize("depth", [300, 50_000])
def test_an_answer_too_deep_to_read_is_told(
    fake: FakeCatalogue, refresh: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, depth: int
) -> None:
    monkeypatch.setattr(requests.Response, "json", lambda answer: json.loads("[" * depth + "]" * depth))
    failed = refresh()
    assert isinstance(failed.exception, BadInput), failed.exception


def test_a_name_in_the_catalogue_stays_within_its_comment(
    fake: FakeCatalogue, refresh: Callable[..., Result], tmp_path: Path
) -> None:
    for number, end in enumerate(("\n", "\r", "\x85", "\u2028")):
        extra = sku("Nvidia L4 GPU running in Iowa", 0.9 + number, skuId=f"A{end}evil: {{x: 1}}")
        fake.skus["Compute Engine"].append(extra)
    assert refresh().exit_code == 0
    assert "evil" in (tmp_path / "prices.yaml").read_text()
    assert load_prices(str(tmp_path / "prices.yaml"), clock.today()).regions["us-central1"].families


def test_a_table_of_ones_own_keeps_its_regions_and_gets_that_of_the_job(
    fake: FakeCatalogue, refresh: Callable[..., Result], tmp_path: Path
) -> None:
    own = tmp_path / "own.yaml"
    old = {"date": "2020-01-01", "sources": ["x"], "pipeline_run": 0.03}
    prices = {"families": {"e2": {"cpu": 1, "gb": 1}}, "accelerators": {"NVIDIA_L4": 1.0}}
    own.write_text(yaml.safe_dump({**old, "regions": {"us-east1": prices}}))
    done = refresh(f"vertex.cost.prices={own}", "vertex.region=europe-west6", output=False)
    assert done.exit_code == 0, (done.output, done.exception)
    made = PriceTable.model_validate(yaml.safe_load(own.read_text()))
    assert (made.date, made.sources[-1]) == (clock.today(), "x"), "where the fee of a run is from stays known"
    assert made.regions["us-east1"].families["e2"].cpu == pytest.approx(OWN["families"]["e2"]["cpu"])
    assert made.regions["europe-west6"].families["e2"].cpu == pytest.approx(7 * 1.15)
    assert "regions.europe-west6.families.e2.gb: 8.05, new" in done.output
    assert "not in the table: regions.europe-west6.accelerators.NVIDIA_L4" in done.output
    assert "not in the table: regions.europe-west6.dataflow.cpu" in done.output


def test_a_page_that_fails_is_asked_for_again_and_none_is_left_out(fake: FakeCatalogue) -> None:
    settings = VertexDeployment(project="a-project", api_endpoint=fake.url, request_seconds=5.0)
    fake.fail("GET", "/skus", 502, times=2)
    assert published_prices(SERVICES, settings, pauses=(0.01, 0.01)) == fake.skus
    fake.fail("GET", "57D6-3FBF-CFEA/skus", 503, times=99)
    with pytest.raises(BadInput, match="asked for the prices, the service cannot be used at the moment") as failed:
        published_prices(SERVICES, settings, pauses=(0.01, 0.01))
    assert failed.value.exit_code == 2 and "nothing was written" in (failed.value.remedy or "")


def test_a_catalogue_that_may_not_be_read_writes_nothing(
    fake: FakeCatalogue, refresh: Callable[..., Result], tmp_path: Path
) -> None:
    fake.fail("GET", "57D6-3FBF-CFEA/skus", 403)
    failed = refresh()
    assert isinstance(failed.exception, BadInput) and "may not do this" in failed.exception.what
    assert "gcloud services enable cloudbilling.googleapis.com" in failed.exception.remedy
    assert not (tmp_path / "prices.yaml").exists()


def test_without_a_way_there_the_table_stays_as_it_is(refresh: Callable[..., Result], tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(OWN_TABLE.read_text())
    with FakeCatalogue() as gone:
        pass
    failed = refresh(f"vertex.api_endpoint={gone.url}", f"vertex.cost.prices={own}", output=False)
    assert isinstance(failed.exception, BadInput) and "could not be reached for the prices" in failed.exception.what
    assert own.read_text() == OWN_TABLE.read_text()


def test_an_empty_catalogue_and_a_file_that_is_not_named_are_refused(
    fake: FakeCatalogue, refresh: Callable[..., Result], tmp_path: Path
) -> None:
    unnamed = refresh(output=False)
    assert isinstance(unnamed.exception, BadInput) and unnamed.exception.where == "vertex.cost.prices"
    assert fake.requests == []
    fake.skus = {}
    empty = refresh()
    assert isinstance(empty.exception, BadInput) and "none of the table's prices" in empty.exception.what
    assert not (tmp_path / "prices.yaml").exists()
