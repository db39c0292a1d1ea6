"""The page of a rollout: what it says of none, of one that goes on, and of one that went back."""

from dataclasses import replace

from past_runs import NOW
from registered_versions import pushed

from millrace.config.rollout_section import Canary
from millrace.console.page import PageRequest
from millrace.console.pages.rollout import view
from millrace.registry.intake import open_registry
from millrace.serving import decision, rollouts, state
from millrace.serving.controller import Controller
from millrace.serving.decision import Seen
from millrace.serving.rollouts import places_of
from millrace.serving.state import Decided, Order, RolloutState


def a_rollout(config):
    policy = Canary()
    progress = decision.begin(11, 12, policy, NOW - 600)
    seen = Seen({11: 990, 12: 10}, {"errors": {11: {0.0: 990}, 12: {0.0: 9, 1.0: 1}}})
    progress = decision.decide(progress, seen, policy, NOW - 300).progress
    begun = Decided(NOW - 600, "start", "<b>try</b> it", 100, "ann@desk")
    return RolloutState("12-x", "running", "canary", policy, progress, {11: "/m/11", 12: "/m/12"}, decisions=(begun,))


def test_without_a_rollout_the_page_says_how_to_begin(config, console):
    answer = console(config).ask("/rollout")
    assert answer.status == 200 and "millrace rollout gateway" in answer.text
    assert not places_of(config).folder.exists()


def test_one_that_goes_on_is_followed_and_one_that_went_back_says_why(config, console):
    rollout = a_rollout(config)
    state.write_rollout(places_of(config), rollout)
    shown = view(PageRequest(config, NOW))
    assert (shown.live, shown.candidate, shown.champion) == (True, 12, 11)
    running = console(config)
    text = running.ask("/rollout").text
    assert (
        "Version 12 over 11 by canary: running, 1 % of the users get it once the gateway runs." in text
        and 'hx-trigger="every 2s"' in text
    )
    assert "1 of 10" in text and "0 of 990" in text and "&lt;b&gt;try&lt;/b&gt; it" in text and "ann@desk" in text
    assert "A rollout goes on: version 12 over 11 by canary: running, 1 % of the users" in running.ask("/").text
    back = replace(rollout, status="back").decided(Decided(NOW - 60, "back", "errors: 9 of 10", 0))
    state.write_rollout(places_of(config), back)
    assert "A rollout goes on" not in running.ask("/").text
    text = running.ask("/rollout").text
    assert "errors: 9 of 10" in text and "Version 12 over 11 by canary: back." in text and "every 2s" not in text
    rows = running.ask("/rollout?format=csv").text.splitlines()
    assert rows[0] == "at,decided,percent,who,reason" and rows[1].endswith("back,0.0,controller,errors: 9 of 10")
    assert running.ask("/rollout?format=json").json["status"] == "back"


def test_earlier_ones_are_listed_and_each_has_a_page(config, console):
    with open_registry(config) as registry:
        root = places_of(config).folder.parents[1]
        registry.take_in([pushed(root, number) for number in (11, 12)])
        registry.roll_back(registry.version("11"), "first this one", expected=12)
        controller = Controller(places_of(config), registry)
        for why in ("<i>one</i>", "two"):
            rollouts.start(config, "12", "canary", why)
            controller.look()
            state.give_order(places_of(config), Order("abort", f"not {why}", "ann@desk"))
            controller.look()
    text = console(config).ask("/rollout").text
    assert "Earlier rollouts" in text and 'href="/rollout/1"' in text and 'href="/rollout/2"' not in text
    shown = console(config).ask("/rollout/1")
    assert shown.status == 200 and "Version 12 over 11 by canary: aborted." in shown.text
    assert "&lt;i&gt;one&lt;/i&gt;" in shown.text and "ann@desk" in shown.text and "not two" not in shown.text
    assert console(config).ask("/rollout/1?format=csv").text.splitlines()[1].endswith("not <i>one</i>")
    for absent in ("0", "3", "x"):
        assert console(config).ask(f"/rollout/{absent}").status == 404
