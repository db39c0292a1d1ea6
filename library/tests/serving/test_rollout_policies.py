"""Policies as the configuration has them: those that come with it, and those that could not end."""

import pytest

from millrace.base.errors import ConfigError
from millrace.config.loading import load


def policies(text):
    return load("conf/taxi.yaml", [f"rollout.policies={text}"]).rollout.policy_by_name()


def test_one_of_each_kind_is_there_under_its_name_and_one_s_own_takes_its_place():
    there = policies("{}")
    assert {name: policy.kind for name, policy in there.items()} == {
        name: name for name in ("canary", "shadow", "ab", "bandit", "blue-green")
    }
    own = policies("{canary: {kind: canary, steps: [{percent: 5, minutes: 1}]}, careful: {kind: shadow}}")
    assert [step.percent for step in own["canary"].steps] == [5] and own["careful"].kind == "shadow"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{p: {kind: canary, hours: 1}}", "it cannot end well: its steps take 2.5 hours"),
        ("{p: {kind: canary, hours: 1, steps: [{percent: 5, minutes: 60}]}}", "its steps take 1 hours, and after 1"),
        ("{p: {kind: canary, steps: [{percent: 0.001}]}}", "0.001 would be nobody; 0.01 is the least"),
        ("{p: {kind: ab, percent: 0.001, judged: {wrong: {worse_by: 0.1}}}}", "percent"),
        ("{p: {kind: canary, steps: [{percent: 5}, {percent: 1}]}}", "steps go up: 1 percent cannot follow 5"),
        ("{p: {kind: canary, steps: [{percent: 5}, {percent: 5}]}}", "steps go up"),
        ("{p: {kind: canary, steps: [{minutes: 5}]}}", "it waits for answers, and sends nothing"),
        ("{p: {kind: canary, steps: []}}", "steps: should not be empty"),
        ("{p: {kind: canary, judged: {errors: {}}}}", "would judge nothing"),
        ("{p: {kind: canary, judged: {disagreement: {at_most: 0.1}}}}", "it needs a step with mirror"),
        ("{p: {kind: shadow, judged: {disagreement: {worse_by: 0.1}}}}", "disagreement takes at_most alone"),
        ("{p: {kind: shadow, judged: {wrong: {at_most: 0.1}}}}", "no user sees a shadow's answers"),
        ("{p: {kind: ab}}", "labels decide it, and none are judged"),
        ("{p: {kind: bandit, judged: {wrong: {at_most: 0.2}}}}", "labels decide it, and none are judged"),
        ("{p: {kind: blue-green, judged: {errors: {worse_by: 0.1}}}}", "judged.errors: it needs at_most"),
        ("{p: {kind: blue-green, judged: {errors: {at_most: 0.1}, disagreement: {at_most: 0.1}}}}", "it needs at_most"),
        ("{p: {kind: canry}}", "did you mean canary?"),
        ("{p: {kind: canary, judged: {risk: 0}}}", "risk"),
    ],
)
def test_a_policy_that_cannot_end_or_judges_nothing_is_refused(text, words):
    with pytest.raises(ConfigError) as refusal:
        policies(text)
    assert words in str(refusal.value)


def test_a_header_is_written_as_http_2_has_it():
    with pytest.raises(ConfigError, match="user_header"):
        load("conf/taxi.yaml", ["rollout.user_header=X-User"])


def rollout_of(candidates, approval="candidate"):
    policies = "{look: {kind: shadow}, quick: {kind: canary, steps: [{percent: 5, minutes: 1}]}}"
    overrides = [f"rollout.candidates={candidates}", f"rollout.policies={policies}", f"registry.approval={approval}"]
    return load("conf/taxi.yaml", overrides).rollout


def test_candidates_go_through_shadows_and_then_what_ends_with_a_champion():
    assert rollout_of("[shadow, look, quick]").candidates == ("shadow", "look", "quick")
    assert rollout_of("[]", "automatic").candidates == ()


@pytest.mark.parametrize(
    ("candidates", "approval", "words"),
    [
        ("[shadow, quik]", "candidate", "there is no policy quik; did you mean quick?"),
        ("[shadow, shadow]", "candidate", "shadow stands there twice"),
        ("[quick, shadow]", "candidate", "after quick nothing follows"),
        ("[canary]", "automatic", "no push becomes a candidate with registry.approval: automatic"),
        ("[canary]", "manual", "set it to candidate"),
    ],
)
def test_candidates_that_would_never_be_rolled_out_are_refused(candidates, approval, words):
    with pytest.raises(ConfigError) as refusal:
        rollout_of(candidates, approval)
    assert words in str(refusal.value)
