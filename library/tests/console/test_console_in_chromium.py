"""The console in a real Chromium: by mouse and keyboard, in both widths and themes, while a run goes on, and mailed."""

import re
import time
from pathlib import Path

import pytest
from in_chromium import BROKEN_WORDS, NEEDS_CHROMIUM, TOKEN, UNLABELLED, broken_rules, opened
from past_runs import NOW
from playwright.sync_api import expect

from millrace.base.errors import Failure
from millrace.base.outcomes import State
from millrace.components.data_gate.findings import Finding
from millrace.console.report import report
from millrace.metadata.run_folder import RunRequest, new_run
from millrace.metadata.run_summaries import run_summaries

pytestmark = [pytest.mark.slow, NEEDS_CHROMIUM]


SCROLLED = "[...document.querySelectorAll('main .scroll')].some(one => one.scrollWidth > one.clientWidth)"


@pytest.mark.parametrize("width, theme", [(1280, "light"), (400, "dark")])
def test_every_page_fits_its_window_and_breaks_no_rule(browser, four, console, width, theme):
    running = console(four)
    page, complaints = opened(browser, running, width, theme)
    ids = [run.run_id for run in run_summaries(four)]
    paths = ["/", "/runs", "/runs?q=none", "/compare", f"/compare?runs={ids[0]},{ids[1]}", "/models", "/search?q=space"]
    paths += [
        "/schema",
        "/schema/proposals",
        "/schema/edit",
        "/data/latest",
        "/alerts",
        "/triggers",
        f"/lineage/run/{ids[0]}",
    ]
    for path in [*paths, *(f"/runs/{one}" for one in ids), f"/runs/{ids[0]}/log"]:
        page.goto(f"http://{running.host}{path}")
        assert page.locator("h1").count() == 1, path
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), f"{path} scrolls sideways"
        assert page.evaluate(UNLABELLED) == [], path
        assert broken_rules(page) == [], path
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert width < 700 or page.evaluate(BROKEN_WORDS) == [], path
        assert page.locator("main").bounding_box()["width"] > width / 2, path
        if path.startswith("/compare?"):
            assert page.locator("main .scroll").count()
            assert not page.evaluate(SCROLLED), f"a table of {path} is cut off"
    assert complaints == [] and running.faults == []


def test_a_wrong_token_is_told_by_a_page_with_its_looks(browser, four, console):
    running = console(four)
    page = browser.new_page()
    page.goto(f"http://{running.host}/runs?token=wrong")
    expect(page.locator("body")).to_contain_text("take the address that its terminal printed")
    assert page.evaluate("getComputedStyle(document.querySelector('.problem')).borderLeftWidth") == "4px"
    page.close()


def test_a_narrow_window_shows_the_whole_of_a_refusal(browser, config, past, console):
    reason = "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH"
    found = Finding(
        "pickup_community_area", "eval, test", reason, "at most 0.01", "eval: 0.1844, where 0.0046 is usual", 0
    )
    failure = Failure("DataGate: 1 finding stops this run.", "", "fix the data", 3, (found.to_json(),))
    stages = {"ExampleGen": State.DONE, "StatisticsGen": State.DONE, "DataGate": State.BLOCKED}
    run_id = past.add(stages, 3, failure, started=NOW - 100)
    page, complaints = opened(browser, console(config), 400)
    page.goto(f"{page.url}runs/{run_id}")
    expect(page.locator(".problem table")).to_contain_text(reason)
    assert not page.evaluate(SCROLLED) and complaints == []


@pytest.mark.parametrize("scripts", ["off", "not understood", "understood"])
def test_a_page_is_useful_to_a_browser_that_runs_no_script(browser, four, console, scripts):
    running = console(four)
    context = browser.new_context(java_script_enabled=scripts != "off")
    if scripts == "not understood":
        context.route(
            "**/*.js", lambda route: route.fulfill(body="an older browser stops here", content_type="text/javascript")
        )
    page = context.new_page()
    page.goto(f"http://{running.host}/?token={TOKEN}")
    expect(page.locator("h1")).to_contain_text("The last run ended as failed.")
    expect(page.locator("#help")).to_be_hidden()
    page.goto(f"http://{running.host}/runs")
    page.locator("#state").select_option("blocked")
    show = page.get_by_role("button", name="Show", exact=True)
    if scripts == "understood":
        expect(show).to_be_hidden()
    else:
        show.click()
    expect(page).to_have_url(re.compile("state=blocked"))
    expect(page.locator("tr[data-row]")).to_have_count(1)
    page.locator("tr[data-row] a").first.click()
    expect(page.locator(".heading .state").first).to_contain_text("blocked")
    context.close()


def test_everything_is_reached_by_keyboard(browser, four, console):
    page, complaints = opened(browser, console(four))
    page.keyboard.press("g")
    page.keyboard.press("r")
    expect(page).to_have_url(re.compile(r"/runs$"))
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.press("Escape")
    for key in ("j", "x", "j", "x", "k"):
        page.keyboard.press(key)
    assert page.locator("tr.chosen").count() == 1 and page.locator("input:checked").count() == 2
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    first = page.locator("tr[data-row] a").first.inner_text()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/runs/{first}$"))
    assert complaints == []


def test_the_table_is_filtered_as_one_types_and_the_address_says_so(browser, four, console):
    page, complaints = opened(browser, console(four))
    page.goto(page.url + "runs")
    page.evaluate("window.unchanged = true")
    page.locator("#filter").press_sequentially("space")
    expect(page.locator("tr[data-row]")).to_have_count(1)
    expect(page).to_have_url(re.compile("q=space"))
    assert page.evaluate("window.unchanged"), "the page was not loaded again"
    page.reload()
    expect(page.locator("tr[data-row]")).to_have_count(1)
    page.locator("#filter").fill("")
    page.locator("#state").select_option("blocked")
    expect(page.locator("tr[data-row]")).to_have_count(1)
    page.get_by_role("link", name="Took").click()
    expect(page).to_have_url(re.compile("state=blocked.*sort=-seconds"))
    assert complaints == []


def test_chosen_runs_are_compared(browser, four, console):
    page, _ = opened(browser, console(four))
    # On the screen of a phone, too: there the boxes were hidden, and the button waited for ever.
    page.set_viewport_size({"width": 400, "height": 860})
    page.goto(page.url + "runs")
    compare = page.get_by_role("button", name="Compare the chosen")
    for at in (3, 2):
        expect(compare).to_be_disabled()
        page.locator("tr[data-row] input").nth(at).check()
    compare.click()
    expect(page.locator("h1")).to_have_text("2 runs beside each other")
    shown = page.locator("thead a.id").all_inner_texts()
    assert shown == sorted(shown) and len(shown) == 2, "from the earlier to the later"


def test_a_run_is_followed_while_it_goes_on_and_what_was_opened_stays_open(browser, past, config, console):
    with new_run(Path(config.root) / "logs", RunRequest("conf/taxi.yaml", pipeline="taxi")) as folder:
        for stage in ("ExampleGen", "Trainer"):
            folder.journal.record(stage, State.WAITING)
        folder.journal.record("ExampleGen", State.RUNNING)
        folder.log.write_text("step 1\n")
        running = console(config)
        page, complaints = opened(browser, running)
        page.goto(f"http://{running.host}/runs/{folder.run_id}")
        row = page.locator("tr#stage-ExampleGen")
        expect(row.locator(".state")).to_have_text("running")
        page.locator("details#log").evaluate("one => one.open = true")
        folder.journal.record("ExampleGen", State.DONE)
        folder.journal.record("Trainer", State.RUNNING)
        folder.log.write_text("step 1\nstep 2\n")
        expect(row.locator(".state")).to_have_text("done", timeout=8000)
        expect(page.locator("pre.log")).to_contain_text("step 2")
        assert page.locator("details#log").evaluate("one => one.open")
        folder.journal.record("Trainer", State.DONE)
        folder.finish(0)
    expect(page.locator("h1 + .state")).to_have_text("done", timeout=8000)
    assert page.locator("[hx-trigger='every 2s']").count() == 0 and complaints == []


def test_a_console_that_has_ended_is_told_on_the_open_page(browser, past, config, console, request):
    with new_run(Path(config.root) / "logs", RunRequest("conf/taxi.yaml", pipeline="taxi")) as folder:
        folder.journal.record("ExampleGen", State.RUNNING)
        running = console(config)
        page, _ = opened(browser, running)
        page.context.set_offline(True)
        expect(page.locator("#stale")).to_be_visible(timeout=8000)
        page.context.set_offline(False)
        expect(page.locator("#stale")).to_be_hidden(timeout=8000)


def test_a_mailed_report_opens_without_a_network_and_says_why_above_the_fold(browser, four, tmp_path):
    blocked = run_summaries(four)[1].run_id
    file = tmp_path / "report.html"
    file.write_text(report(four, blocked, NOW))
    context = browser.new_context(viewport={"width": 1280, "height": 800}, offline=True)
    page, asked, complaints = context.new_page(), [], []
    page.on("request", lambda one: asked.append(one.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.goto(file.as_uri())
    why = page.get_by_text("AUC 0.6 is below").first
    expect(why).to_be_visible()
    assert why.bounding_box()["y"] < 400 and asked == [file.as_uri()] and complaints == []
    assert page.evaluate("getComputedStyle(document.body).fontSize") == "14px"
    page.locator("svg.graph a").last.click()
    assert page.url.startswith(file.as_uri() + "#stage-")


def test_a_hundred_rows_more_come_when_they_are_scrolled_to(browser, four, console):
    page, complaints = opened(browser, console(four))
    page.goto(page.url + "runs?rows=2")
    page.mouse.wheel(0, 2000)
    expect(page.locator("tr[data-row]")).to_have_count(4, timeout=8000)
    time.sleep(0.3)
    assert page.locator("tr.more").count() == 0 and complaints == []


def test_the_lineage_is_looked_into_by_keys_buttons_wheel_and_hand(browser, four, console):
    page, complaints = opened(browser, console(four))
    page.goto(f"{page.url}lineage/run/last~3")
    picture, svg = page.locator("[data-zoom]"), page.locator("[data-zoom] svg.graph")
    whole = svg.get_attribute("viewBox")

    def seen() -> list[float]:
        return [float(one) for one in svg.get_attribute("viewBox").split()]

    picture.focus()
    page.keyboard.press("+")
    closer = seen()
    assert closer[2] < float(whole.split()[2])
    page.keyboard.press("ArrowRight")
    assert seen()[0] > closer[0]
    page.get_by_role("button", name="Larger").click()
    assert seen()[2] < closer[2]
    svg.hover()
    before = seen()[2]
    page.mouse.wheel(0, -100)
    page.wait_for_function(f"document.querySelector('[data-zoom] svg.graph').viewBox.baseVal.width < {before - 0.1}")
    page.keyboard.press("0")
    assert seen() == [float(one) for one in whole.split()]
    assert complaints == []
