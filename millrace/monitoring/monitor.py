"""One version in one window: what it was asked is held to the contract, and what somebody should know is said."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Optional

from millrace.base.errors import BadInput
from millrace.base.numbers import counted
from millrace.components.evaluator.gate_report import OVERALL
from millrace.config.config import Config
from millrace.config.monitoring_section import DETECTORS, Monitoring
from millrace.metadata.lineage import STATISTICS_BEFORE, TRAINING_STATISTICS
from millrace.metadata.run_summaries import Runs
from millrace.model_server.about import read_about
from millrace.monitoring import contract, data_findings, estimate, live_metrics, records, references, service_figures
from millrace.monitoring.attributions import ATTRIBUTIONS, side_by_side, that_matter
from millrace.monitoring.data_findings import PREDICTIONS, REQUESTS
from millrace.monitoring.findings import (
    LiveMetric,
    MeasuredDistance,
    MonitorFinding,
    MonitorReport,
    ServiceFigures,
    Unmeasured,
)
from millrace.monitoring.log_findings import of_log
from millrace.monitoring.model_watch import ExplainedWindow, ModelWatch
from millrace.monitoring.references import Reference
from millrace.monitoring.traffic import WindowTraffic, as_batches
from millrace.monitoring.window import Window
from millrace.monitoring.window_rows import statistics_of
from millrace.registry.events import CHAMPION
from millrace.registry.intake import open_registry, up_to_date
from millrace.registry.version import Version
from millrace.serving import access_log
from millrace.serving.labels import Labelled
from millrace.serving.rollouts import label_store, places_of, requests_folder
from millrace.statistics.columns import columns_by_name


def monitor_window(
    config: Config, window: Window, now: datetime, model: str = CHAMPION, record: bool = True
) -> MonitorReport:
    """Looks at what one version answered in one window.

    Args:
        config: the pipeline's configuration.
        window: which.
        now: with a zone.
        model: a version or an alias.
        record: whether statistics, anomalies and the report go to ML Metadata, where there were enough rows to judge.

    Returns:
        What is to be said.

    Raises:
        BadInput: there is no such version, no log of requests, or no curated schema; or a shard of the log is damaged.
    """
    runs, folder, section = Runs(config), log_folder(config), config.monitoring
    version, known = version_of(config, runs, model)
    number = version.number
    schema = contract.curated_schema(config)
    about = read_about(str(version.folder)) if version.there else None
    labelled = _labelled(config, number, window)
    sliced = sorted({name for one in config.evaluation.slices for name in one})
    traffic = WindowTraffic(folder, window, number, about, now, labelled, sliced)
    training = references.training_data(runs, version)
    model_watch = ModelWatch(config, runs, version, about, training.rows)
    requests = statistics_of(model_watch.watch(traffic.batches()))
    outputs = traffic.outputs()
    answers = statistics_of(as_batches(outputs))
    report = MonitorReport(
        model=config.name,
        version=number,
        window=window,
        requests=traffic.requests,
        rows=traffic.rows,
        judged=traffic.rows >= section.rows,
        service=_figures(config, number, window),
        labelled=len(labelled),
        others=dict(sorted(traffic.others.items())),
        needed=section.rows,
        later=traffic.later,
        made=now.astimezone(timezone.utc).isoformat(timespec="seconds"),
    )
    findings = of_log(traffic, version, known, window)
    unmeasured: list[Unmeasured] = []
    if report.service:
        findings += service_figures.of_service(report.service, section, number, window)
        unmeasured += service_figures.unjudged(window) if section.saturation else []
    else:
        why = "no gateway logged how it answered"
        unmeasured += [Unmeasured("errors", why), Unmeasured("slow", why), Unmeasured("saturation", why)]
    if len(labelled) >= section.labels:
        metrics, missed = live_metrics.of_labels(
            labelled, traffic.inputs, config.label, config.evaluation, number, window
        )
        report, findings = replace(report, metrics=tuple(metrics)), [*findings, *missed]
        unmeasured += live_metrics.unjudged(metrics)
    else:
        why = f"{counted(len(labelled), 'label')}, {section.labels:,} are needed (monitoring.labels)"
        unmeasured.append(Unmeasured("metric", why))
    if not report.judged:
        return replace(report, findings=_ordered(findings))
    earlier = WindowTraffic(folder, window.before, number, about, now)
    before = references.window_before(runs, window, number, earlier, section.rows)
    # Of a version that does not say what it reads, no column can be missing: what was sent is held to the schema.
    read = {column.name for column in about.columns} if about else set(columns_by_name(requests.rows.statistics))
    labels = {output.column for output in config.label.by_output().values()}
    held, environment = contract.of_requests(schema, read, labels)
    compared = {"skew": training.rows, "drift": before.rows}
    found = data_findings.of_rows(requests.rows, compared, held, environment, section, number, window)
    moved = data_findings.of_predictions(answers.rows, before.predictions, section.predictions, number, window)
    rare, outliers = model_watch.outliers(window)
    if section.outliers is not None and outliers is None:
        unmeasured.append(Unmeasured("outliers", model_watch.why_unknown))
    explained = model_watch.attributions()
    relied = _attributions(explained, before, section, number, window)
    if section.estimate:
        by_labels = _overall(report.metrics)
        estimates = estimate.of_answers(config.label, outputs.get("probabilities"), by_labels)
        findings += estimate.below(estimates, config.evaluation.thresholds, number, window)
        report = replace(report, estimates=tuple(estimates))
        unmeasured += [] if estimates else [Unmeasured("estimate", "the answers have no probabilities")]
    report = replace(
        report,
        compared={"skew": training.words, "drift": before.words, **relied.compared},
        distances=(*found.distances, *moved.distances, *relied.distances),
        unmeasured=(*unmeasured, *found.unmeasured, *moved.unmeasured, *relied.unmeasured),
        findings=_ordered(
            [*findings, *(_after(before, one) for one in (*found.findings, *moved.findings)), *rare, *relied.findings]
        ),
        attributions=side_by_side(explained.shares, explained.training_shares, before.shares),
        outliers=outliers,
    )
    if not record or not runs.store:
        return report
    splits = {REQUESTS: requests, PREDICTIONS: answers}
    if explained.now is not None:
        splits[ATTRIBUTIONS] = explained.now
    made_from = {
        "model": version.artifact,
        TRAINING_STATISTICS: training.artifact,
        STATISTICS_BEFORE: before.artifact,
    }
    return replace(report, execution=records.publish(runs, report, splits, found.anomalies, REQUESTS, made_from))


def log_folder(config: Config) -> Path:
    """The folder of the log of requests.

    Raises:
        BadInput: it is in a bucket, or nothing was logged yet.
    """
    if "://" in config.root:
        raise BadInput(
            "the log of requests is read from a folder of this machine",
            where=config.root,
            remedy="millrace monitor spec writes what a model monitor of Vertex AI needs",
        )
    folder = requests_folder(config)
    if not folder.is_dir():
        raise BadInput(
            f"no request to {config.name} was logged yet",
            where=str(folder),
            remedy="millrace rollout gateway serves the champion, and logs what it is asked",
        )
    return folder


def version_of(config: Config, runs: Runs, name: str) -> tuple[Version, frozenset[int]]:
    """The version that is meant, and the numbers of all that the registry knows.

    Args:
        config: the pipeline's configuration.
        runs: its runs, whose pushed models the registry takes in first.
        name: a version or an alias.

    Raises:
        BadInput: there is none.
    """
    with open_registry(config) as registry:
        up_to_date(registry, runs)
        version = registry.champion() if name == CHAMPION else registry.version(name)
        return version, frozenset(one.number for one in registry.versions())


@dataclass(frozen=True)
class _Relied:
    """What the attributions of a window say, beside those of the training data and of the window before."""

    compared: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[MonitorFinding, ...] = ()
    distances: tuple[MeasuredDistance, ...] = ()
    unmeasured: tuple[Unmeasured, ...] = ()


def _attributions(
    explained: ExplainedWindow, before: Reference, section: Monitoring, version: int, window: Window
) -> _Relied:
    if section.attributions is None:
        return _Relied()
    if explained.now is None:
        why = explained.words.removeprefix("nothing: ")
        unmeasured = (Unmeasured("attribution skew", why), Unmeasured("attribution drift", why))
        return _Relied({"attributions": explained.words}, unmeasured=unmeasured)
    now, limit = explained.now.rows, section.attributions.limit
    skewed = data_findings.of_attributions(
        now,
        explained.training,
        that_matter(explained.shares, explained.training_shares),
        "attribution skew",
        limit,
        version,
        window,
    )
    drifted = data_findings.of_attributions(
        now,
        before.attributions,
        that_matter(explained.shares, before.shares),
        "attribution drift",
        limit,
        version,
        window,
    )
    words = {"attributions": explained.words}
    if before.attributions is None:
        words["attribution drift"] = "nothing: of the window before none of this version were recorded"
    return _Relied(
        words,
        (*skewed.findings, *drifted.findings),
        (*skewed.distances, *drifted.distances),
        (*skewed.unmeasured, *drifted.unmeasured),
    )


def _labelled(config: Config, version: int, window: Window) -> dict[str, Labelled]:
    store = label_store(places_of(config))
    return store.of_version(version, window.start.timestamp(), window.end.timestamp())


def _figures(config: Config, version: int, window: Window) -> Optional[ServiceFigures]:
    answers = access_log.between(places_of(config).gateway, window.start.timestamp(), window.end.timestamp())
    slow = config.monitoring.slow
    return service_figures.figures_of(answers, version, window, slow.over_ms if slow else None)


def _after(before: references.Reference, finding: MonitorFinding) -> MonitorFinding:
    """What is to be added of a jump from a window that was a jump itself: it may be the way back."""
    is_drift = finding.detector in ("drift", "prediction drift")
    if not is_drift or (finding.detector, finding.column) not in before.alarmed:
        return finding
    return replace(
        finding, summary=f"{finding.summary}; the window before was such an alert too: it may be the way back"
    )


def _overall(metrics: tuple[LiveMetric, ...]) -> Mapping[str, float]:
    return {one.metric: one.value for one in metrics if one.slice == OVERALL and one.value is not None}


def _ordered(findings: list[MonitorFinding]) -> tuple[MonitorFinding, ...]:
    return tuple(sorted(findings, key=lambda one: (not one.alert, DETECTORS.index(one.detector), one.column)))
