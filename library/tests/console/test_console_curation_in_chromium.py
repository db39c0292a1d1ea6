"""Data, schema and models in a real Chromium: every page in both widths and themes, and a curation from end to end."""

import re

import numpy as np
import pytest
from curation import SCHEMA, Curation
from in_chromium import BROKEN_WORDS, NEEDS_CHROMIUM, UNLABELLED, opened
from looked_at_runs import LookedAtRuns
from playwright.sync_api import expect

from millrace.components.evaluator.gate_report import GateReport, MeasuredSlice, Row
from millrace.components.evaluator.prediction_summary import summarize
from millrace.config.loading import load

pytestmark = [pytest.mark.slow, NEEDS_CHROMIUM]

ODD_NAMES = ["<script>alert(1)</script>", "x" * 200, "اسم الحقل", "a\x1b[31mred"]


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A run of 857 features, some with odd names, and a model with 40 slices, some with odd names."""
    root = tmp_path_factory.mktemp("wide") / "root"
    runs = LookedAtRuns(root)
    names = [*ODD_NAMES, *(f"feature_{number:04}" for number in range(853))]
    slices = [
        MeasuredSlice(slice=f"company={name}", examples=500, metrics={"auc": 0.9}, intervals={"auc": (0.85, 0.95)})
        for name in [*ODD_NAMES, *map(str, range(36))]
    ]
    row = Row(metric="AUC", slice="overall", value=0.9, threshold="at least 0.95", limits=(0.95, None), verdict="fail")
    gate = GateReport(
        blessed=False, reason="AUC is too low.", examples=9_000, metrics={"auc": 0.9}, rows=(row,), slices=tuple(slices)
    )
    probabilities = np.linspace(0, 1, 200)[:, None]
    predictions = summarize((probabilities > 0.4).astype(float), probabilities)
    curves = {split: {"loss": [0.9, 0.5, 0.4]} for split in ("train", "validation")}
    trials = [{"trial_id": f"{number:02}", "score": 0.5, "model.dropout": 0.1} for number in range(3)]
    splits = {split: {name: [1.0, 2.0, 3.0] for name in names} for split in ("train", "eval", "test")}
    run = runs.add(splits, gate=gate, predictions=predictions, curves=curves, trials=trials)
    return load("conf/taxi.yaml", [f"root={root}"]), run


@pytest.mark.parametrize("width, theme", [(1280, "light"), (400, "dark")])
def test_every_page_fits_its_window_and_breaks_no_rule(browser, wide, console, width, theme):
    config, run = wide
    running = console(config)
    page, complaints = opened(browser, running, width, theme)
    features = [f"/data/{run}/{name}" for name in ("%3Cscript%3Ealert(1)%3C%2Fscript%3E", "x" * 200, "feature_0001")]
    paths = ["/data/latest", "/data/latest?q=none", *features, "/schema", "/schema/proposals", "/schema/edit"]
    for path in [*paths, "/models", f"/models/{run}", f"/models/{run}?against={run}"]:
        page.goto(f"http://{running.host}{path}")
        assert page.locator("h1").count() == 1, path
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), f"{path} scrolls sideways"
        assert page.evaluate(UNLABELLED) == [], path
        assert width < 700 or page.evaluate(BROKEN_WORDS) == [], path
    assert complaints == [] and running.faults == []


def test_features_are_found_as_one_types_and_come_as_one_scrolls(browser, wide, console):
    running = console(wide[0])
    page, complaints = opened(browser, running)
    page.keyboard.press("g")
    page.keyboard.press("d")
    expect(page.locator("tr[data-row]")).to_have_count(40)
    page.mouse.wheel(0, 10_000)
    expect(page.locator("tr[data-row]")).to_have_count(80, timeout=8000)
    page.locator("#filter").press_sequentially("0852")
    expect(page.locator("tr[data-row]")).to_have_count(1, timeout=8000)
    expect(page).to_have_url(re.compile("q=0852"))
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("feature_0852")
    page.get_by_role("link", name="previous").click()
    expect(page.locator("h1")).to_have_text("feature_0851")
    assert complaints == []


def test_a_blocked_run_is_curated_by_mouse_and_keyboard(browser, tmp_path, console):
    curation = Curation(tmp_path)
    running = console(curation.config)
    page, complaints = opened(browser, running)
    page.goto(f"http://{running.host}/data/latest")
    expect(page.locator(".lead")).to_contain_text("would stop a run")
    page.locator("tr[data-row] a").first.click()
    page.get_by_role("link", name="Proposed edits").click()
    page.get_by_label(re.compile("^1 ")).check()
    page.get_by_label(re.compile("^2 ")).press("Space")
    page.get_by_role("button", name="See what the chosen do").click()
    expect(page.locator("#review")).to_be_visible()
    expect(page.locator("section[aria-labelledby=review] table")).to_contain_text("now passes")
    assert curation.schema.read_text() == SCHEMA
    page.get_by_role("button", name="Accept the chosen").first.click()
    expect(page).to_have_url(re.compile("/schema$"))
    assert "<script>" in curation.schema.read_text()
    curation.run_again()
    page.keyboard.press("g")
    page.keyboard.press("d")
    expect(page.locator(".lead")).not_to_contain_text("would stop a run")
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.get_by_role("button", name="Take it back").click()
    expect(page.locator(".edits")).to_contain_text("taken back")
    assert curation.schema.read_text() == SCHEMA and complaints == []


def test_a_text_is_edited_and_only_what_was_meant_changes(browser, tmp_path, console):
    curation = Curation(tmp_path)
    running = console(curation.config)
    page, complaints = opened(browser, running)
    page.goto(f"http://{running.host}/schema/edit")
    field = page.locator("#text")
    assert field.input_value() == SCHEMA
    field.fill(SCHEMA.replace("type: FLOAT", "type: FLOTA"))
    page.get_by_role("button", name="See what it does").click()
    expect(page.locator("tr.stops")).to_contain_text("type: FLOTA")
    field.fill(SCHEMA.replace("max: 100", "max: 500"))
    page.get_by_role("button", name="See what it does").click()
    expect(page.locator("#review")).to_be_visible()
    page.get_by_role("button", name="Keep it").click()
    expect(page).to_have_url(re.compile("/schema$"))
    assert curation.schema.read_bytes() == SCHEMA.replace("max: 100", "max: 500").encode()
    # That a text cannot be read is an answer with the status 422, of which Chromium says a word in its console.
    assert [one for one in complaints if "422" not in one] == []
