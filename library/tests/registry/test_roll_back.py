"""A roll-back looks before anything moves: at the version's state, at its files, and at what it answers."""

import pytest
from registered_versions import pushed, registry_of

from millrace.base.errors import BadInput, GateRefused
from millrace.components.infra_validator import validation
from millrace.components.infra_validator.report import Report, SignatureReport
from millrace.components.infra_validator.section import InfraValidation
from millrace.metadata.run_summaries import Runs
from millrace.registry.intake import open_registry, up_to_date
from millrace.registry.rollback import roll_back

SECTION = InfraValidation()


@pytest.fixture
def registry(tmp_path):
    with registry_of(tmp_path) as registry:
        registry.take_in([pushed(tmp_path, number) for number in (11, 12)])
        yield registry


def refused(registry, to, words):
    events, followed = registry.events(), registry.served_file.read_bytes()
    with pytest.raises(BadInput, match=words) as refusal:
        roll_back(registry, to, "slow", SECTION)
    assert registry.events() == events and registry.served_file.read_bytes() == followed
    return refusal.value


def test_without_a_champion_or_anything_before_it_there_is_nothing_to_go_back_to(tmp_path, registry):
    registry.reject(registry.version("11"), "unfair")
    assert "--to" in refused(registry, None, "there is no approved version before 12").remedy
    with registry_of(tmp_path / "new", "manual") as other:
        other.take_in([pushed(tmp_path / "new", 11)])
        with pytest.raises(BadInput, match="has no champion to go back from"):
            roll_back(other, other.version("11"), "slow", SECTION)


def test_what_may_not_be_champion_is_nothing_to_go_back_to(registry):
    refused(registry, registry.version("12"), "version 12 is champion already")
    registry.reject(registry.version("11"), "unfair")
    refused(registry, registry.version("11"), "version 11 was rejected: unfair")


@pytest.mark.parametrize("change", ["lost", "changed", "added"])
def test_a_version_that_is_not_whole_is_not_served(registry, change):
    folder = registry.version("11").folder
    index = folder / "variables" / "variables.index"
    if change == "lost":
        index.unlink()
    else:
        (index if change == "changed" else folder / "more").write_text("weights 66")
    error = refused(registry, None, "version 11 is not whole")
    assert "millrace models import" in error.remedy


def test_a_version_that_cannot_be_tried_is_not_served(registry):
    error = refused(registry, None, "version 11 has no warm-up request to try it with, and nothing has moved")
    assert "millrace models alias champion 11" in error.remedy


@pytest.mark.parametrize("blessed", [True, False])
def test_what_the_try_says_decides_and_how_fast_it_answered_does_not(two_versions, monkeypatch, blessed):
    """The server itself is tried in `test_models_story`; here stands what is made of its report."""
    asked = []

    def validate(folder, records, section, _):
        asked.append((folder, len(records), section.platform, section.p95_milliseconds))
        signatures = {"serving_default": SignatureReport(requests=3), "predict_json": SignatureReport(requests=2)}
        return Report("process", {}, blessed=blessed, reason="it hangs", load_seconds=1.5, signatures=signatures), []

    monkeypatch.setattr(validation, "validate", validate)
    with open_registry(two_versions) as registry:
        up_to_date(registry, Runs(two_versions))
        events = registry.events()
        if blessed:
            done = roll_back(registry, None, "slow", InfraValidation(platform="docker", p95_milliseconds=1.0))
            assert (done.before.number, done.after.number, done.requests, done.load_seconds) == (12, 11, 5, 1.5)
            assert done.after.aliases == ("champion",) and registry.events()[-1].kind == "rolled back"
        else:
            with pytest.raises(GateRefused, match="version 11 does not answer, and nothing has moved: it hangs"):
                roll_back(registry, None, "slow", SECTION)
            assert registry.events() == events
        [(folder, records, platform, limit)] = asked
        assert (folder, platform, limit) == (registry.version("11").folder, "process", 1e9) and records >= 4
