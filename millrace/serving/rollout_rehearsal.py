"""`millrace rollout rehearse`: brings the versions, their examples and the traffic of the past to a rehearsal."""

from collections import Counter
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Optional

from millrace.base.errors import BadInput
from millrace.components import stage_ids
from millrace.config.config import Config
from millrace.metadata.run_summaries import Runs
from millrace.registry.events import CHAMPION
from millrace.registry.intake import open_registry, up_to_date
from millrace.registry.questions import of_split
from millrace.registry.version import Version
from millrace.serving import access_log
from millrace.serving.labelled_metrics import limits_of
from millrace.serving.rehearsal import Power, Rehearsed, power, rehearse
from millrace.serving.rollouts import label_column, places_of, policy_of

_MOST_EXAMPLES = 1_000
_HOUR = 3600


@dataclass(frozen=True)
class Foretold:
    """What a rehearsal found.

    Args:
        rehearsed: what the controller would have done.
        powers: what the first step sees, for each thing that is compared with the champion.
        asked: what both versions were asked, in words.
        an_hour: the requests of each hour of the traffic.
        is_logged: whether the traffic is the gateway's own.
        label_hours: how long a label takes to come; None where the policy judges by none.
        left_out: metrics that the policy measures when a step ends; they are taken as met.
    """

    rehearsed: Rehearsed
    powers: tuple[Power, ...]
    asked: str
    an_hour: tuple[int, ...]
    is_logged: bool
    label_hours: Optional[float]
    left_out: tuple[str, ...]


def foretell(
    config: Config,
    version: str,
    policy_name: str,
    per_hour: Optional[int],
    label_hours: float,
    drop: float,
) -> Foretold:
    """Rehearses the rollout of a version.

    Args:
        config: the pipeline's configuration.
        version: the candidate's number or alias.
        policy_name: of the configuration, or a kind's.
        per_hour: requests an hour; None to take the hours of the gateway's access log.
        label_hours: how long a label takes to come.
        drop: what the power is about: by how much a candidate is worse than its limits allow, of all answers.

    Raises:
        BadInput: there is no such version or policy, no champion, no traffic, or the examples are gone.
    """
    # What asks SavedModels brings TensorFlow.
    from millrace.serving.rehearsed_answers import ask_both

    policy = policy_of(config, policy_name)
    tested, measured = limits_of(config, policy)
    an_hour = (per_hour,) if per_hour else hours_of(places_of(config).gateway)
    if not an_hour:
        raise BadInput(
            "the gateway has no whole hour of traffic in its log",
            where=str(places_of(config).gateway),
            remedy="say how much there will be: --per-hour 1000",
        )
    with open_registry(config) as registry:
        runs = Runs(config)
        up_to_date(registry, runs)
        candidate, champion = registry.version(version), registry.aliases().get(CHAMPION)
        if champion is None or champion.number == candidate.number:
            raise BadInput("there is no champion that it would be compared with", remedy="millrace models list")
        records, asked = _judged_examples(runs, champion)
    slow = policy.judged.slow
    answers = ask_both(
        champion.folder,
        candidate.folder,
        records,
        label_column(config.label),
        slow.over_ms if slow else None,
    )
    rate = sum(an_hour) / len(an_hour)
    powers = [
        power(policy, judged, float(both.champion.mean()), drop, rate, label_hours, tested=tested)
        for judged, both in answers.items()
        if judged != "disagreement"
    ]
    return Foretold(
        rehearsed=rehearse(policy, answers, an_hour, label_hours, tested=tested),
        powers=tuple(filter(None, powers)),
        asked=asked,
        an_hour=an_hour,
        is_logged=not per_hour,
        label_hours=label_hours if policy.judged.wrong or policy.judged.metrics else None,
        left_out=tuple(limit.metric for limit in measured),
    )


def _judged_examples(runs: Runs, version: Version) -> tuple[list[bytes], str]:
    """The first examples on which a version was judged, serialized, and what they are in words."""
    record = runs.record(version.run) if version.run else None
    artifact = record.artifact(stage_ids.EXAMPLE_GEN, "examples") if record else None
    if artifact is None:
        raise BadInput(
            f"ML Metadata does not know the examples of version {version.number}", remedy="millrace run pushes one"
        )
    split = runs.config.judging_split
    questions, _ = of_split(Path(artifact.uri) / f"Split-{split}")
    records = list(islice(chain.from_iterable(one.examples for one in questions), _MOST_EXAMPLES))
    return records, f"{len(records):,} examples of {split} of run {version.run}"


def hours_of(access: Path) -> tuple[int, ...]:
    """The requests of each whole hour between the first and the last of the access log.

    Args:
        access: its folder.
    """
    answers, *_ = access_log.read_on(access, 0, 0)
    counts = Counter(int(one.time // _HOUR) for one in answers)
    return tuple(counts[hour] for hour in range(min(counts) + 1, max(counts))) if counts else ()
