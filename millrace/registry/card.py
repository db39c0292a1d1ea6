"""A version's model card: facts of its run, and the texts that only people know; as Markdown, HTML, or JSON.

The sections are those of "Model Cards for Model Reporting" (Mitchell et al., 2019). The JSON is that of the Model Card
Toolkit's schema 0.0.2.
"""

import html
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from millrace.base.numbers import counted, rounded, size
from millrace.components.evaluator.gate_report import EXAMPLE_COUNT, OVERALL
from millrace.metadata import provenance
from millrace.metadata.evaluations import Evaluation, SliceMetric, by_slice, evaluation, evaluation_in
from millrace.metadata.provenance import Provenance
from millrace.metadata.records import JudgeVerdict, RunRecord, verdicts
from millrace.metadata.run_summaries import Runs
from millrace.registry import pushed_model
from millrace.registry.card_texts import CardTexts
from millrace.registry.events import Event
from millrace.registry.version import Version

SCHEMA_VERSION = "0.0.2"
_MOST_SLICES, _MOST_OUTPUTS = 12, 4
# What CommonMark reads wherever it stands, at a word's ends, before a link's address, or at a line's beginning.
_MARKS = re.compile(r"[\\`*<>|]|(?<!\w)_|_(?!\w)|(?<=\])\(|^(?:#{1,6}|[+-])(?=\s)")
_TEXTS = {
    "overview": "Overview",
    "owners": "Owners",
    "license": "Licence",
    "users": "Intended users",
    "use_cases": "Use cases",
    "limitations": "Limitations",
    "tradeoffs": "Trade-offs",
    "ethical_considerations": "Ethical considerations",
    "sensitive_data": "Sensitive data",
    "references": "References",
}


@dataclass(frozen=True)
class ModelCard:
    """What a card tells.

    Args:
        version: how the version stands.
        texts: what people have written.
        about: what the model says of itself: `label`, `task`, `classes`, or these of each of its `outputs`.
        made_from: what its run was made from; None where that is not known here.
        evaluation: every metric on every slice, as far as its report is still there.
        verdicts: of the judges.
        events: what happened to it.
    """

    version: Version
    texts: CardTexts
    about: dict[str, Any]
    made_from: Optional[Provenance]
    evaluation: Evaluation
    verdicts: tuple[JudgeVerdict, ...]
    events: tuple[Event, ...]

    @property
    def configuration(self) -> dict[str, Any]:
        """The whole configuration of its run; empty where that is not known here."""
        return self.made_from.configuration if self.made_from else {}


def model_card(runs: Runs, version: Version, events: Sequence[Event], texts: CardTexts) -> ModelCard:
    """Gathers what there is to tell of a version.

    Args:
        runs: those of the pipeline.
        version: the version.
        events: those of the version.
        texts: what people have written.
    """
    record = (runs.record(version.run) if version.run else None) or RunRecord(version.run, {})
    folder = runs.folder(version.run) if version.run else None
    evaluated = evaluation(record)
    # Of a version that was promoted to here, the other environment's report and provenance came with it.
    brought = version.facts.gate_report if version.facts.imported_from else ""
    if not evaluated.folder and brought:
        evaluated = evaluation_in(brought)
    made_from = provenance.read(folder.path if folder else Path(brought)) if folder or brought else None
    known = tuple(JudgeVerdict(stage, blessed, "", "") for stage, blessed in version.facts.verdicts.items())
    return ModelCard(
        version=version,
        texts=texts,
        about=pushed_model.about(version.folder),
        made_from=made_from,
        evaluation=evaluated,
        verdicts=verdicts(record) or known,
        events=tuple(events),
    )


@dataclass(frozen=True)
class CardSection:
    """A part of the card.

    Args:
        title: its heading.
        facts: names and values, a line each.
        items: sentences, a line each.
        heads: the titles of its table; none for no table.
        rows: the table's.
        missing: whether nobody has written it.
    """

    title: str
    facts: tuple[tuple[str, str], ...] = ()
    items: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    missing: bool = False


def sections(card: ModelCard) -> tuple[CardSection, ...]:
    """The card's parts, in order.

    Args:
        card: the card.
    """
    texts = card.texts
    missing = texts.missing()
    written = {
        **{
            name: tuple(getattr(texts, name))
            for name in ("users", "use_cases", "limitations", "tradeoffs", "references")
        },
        "overview": (texts.overview,),
        "license": (texts.license,),
        "sensitive_data": tuple(texts.sensitive_data),
        "owners": tuple(f"{one.name}{f' ({one.contact})' if one.contact else ''}" for one in texts.owners),
        "ethical_considerations": tuple(
            f"{one.name}{f': {one.mitigation}' if one.mitigation else ''}" for one in texts.ethical_considerations
        ),
    }

    def text(name: str) -> CardSection:
        return CardSection(_TEXTS[name], items=() if name in missing else written[name], missing=name in missing)

    return (
        text("overview"),
        CardSection("Model", facts=tuple(_model_facts(card))),
        *map(text, ("owners", "license", "users", "use_cases")),
        CardSection("Data", facts=tuple(_data_facts(card))),
        text("sensitive_data"),
        CardSection("Evaluation", facts=tuple(_evaluation_facts(card)), heads=_HEADS, rows=tuple(_metric_rows(card))),
        *map(text, ("limitations", "tradeoffs", "ethical_considerations")),
        CardSection(
            "Decisions",
            heads=("when (UTC)", "what", "who", "why"),
            rows=tuple(
                (
                    one.at[:16].replace("T", " "),
                    f"{one.kind}{f' ({one.alias})' if one.alias else ''}",
                    one.who,
                    one.because,
                )
                for one in card.events
            ),
        ),
        text("references"),
    )


_HEADS = ("slice", "metric", "value", "95 % interval", "threshold", "examples")


def _model_facts(card: ModelCard) -> Iterator[tuple[str, str]]:
    version, configuration = card.version, card.configuration
    yield "version", f"{version.number} of {version.model}, {version.state}"
    if version.aliases:
        yield "served as", ", ".join(version.aliases)
    yield "registered", f"{version.registered[:16].replace('T', ' ')} UTC"
    outputs = card.about.get("outputs") or {"": card.about}
    for name, one in outputs.items() if isinstance(outputs, dict) else ():
        if one.get("task"):
            yield f"predicts {name}".strip(), f"{one.get('label')} ({one['task']})"
        if one.get("classes"):
            yield f"classes {name}".strip(), ", ".join(map(str, one["classes"]))
    features = configuration.get("features", {})
    if features:
        yield "features", f"{len(features)}: {', '.join(features)}"
    if configuration:
        code = configuration.get("code", {})
        yield "architecture", f"{code.get('model_fn', '')}, {_settings(configuration.get('model', {}))}"
        yield "training", _settings(configuration.get("training", {}))
    for name, one in version.signatures.items():
        outputs = [*list(one.outputs)[:_MOST_OUTPUTS], *(["..."] if len(one.outputs) > _MOST_OUTPUTS else [])]
        yield f"signature {name}", f"{counted(len(one.inputs), 'input')}, gives {', '.join(outputs)}"
    yield "size", f"{size(version.facts.bytes)}, sha256 {version.checksum}"
    if version.facts.commit:
        yield "code", f"commit {version.facts.commit}"
    if card.made_from:
        stack = card.made_from.versions
        wanted = ("millrace", "tfx", "tensorflow", "python")
        yield "made with", ", ".join(f"{name} {stack[name]}" for name in wanted if name in stack)


def _data_facts(card: ModelCard) -> Iterator[tuple[str, str]]:
    version, made_from = card.version, card.made_from
    if made_from and made_from.data.count:
        data = made_from.data
        yield "files", f"{counted(data.count, 'file')}, {size(data.bytes)}, digest {data.digest}"
    if version.span is not None:
        yield "span", str(version.span)
    if version.facts.fingerprint:
        yield "fingerprint", version.facts.fingerprint
    splits = card.configuration.get("data", {}).get("splits")
    if isinstance(splits, dict):
        yield "splits", _settings(splits)
    yield "schema", version.schema_digest or "inferred from the data, or not recorded"


def _evaluation_facts(card: ModelCard) -> Iterator[tuple[str, str]]:
    for one in card.verdicts:
        yield one.stage, f"{'blessed' if one.blessed else 'not blessed'}{f': {one.reason}' if one.reason else ''}"
    report = card.evaluation.report
    if report and report.examples is not None:
        yield "examples", f"{report.examples:,}"
    for sentence in report.suspicious if report else ():
        yield "suspicious", sentence
    if card.evaluation.problem:
        yield "not shown", card.evaluation.problem


def _metric_rows(card: ModelCard) -> Iterator[tuple[str, ...]]:
    """Every metric on the whole, then the slices that a threshold names or that stand out."""
    for name, one in _measured(card):
        interval = "" if one.interval is None else f"{rounded(one.interval[0], 4)} to {rounded(one.interval[1], 4)}"
        examples = "" if one.examples is None else f"{one.examples:,}"
        value = "" if one.value is None else rounded(one.value, 4)
        yield one.slice, name, value, interval, one.threshold, examples


def _measured(card: ModelCard) -> Iterator[tuple[str, SliceMetric]]:
    metrics = card.evaluation.metrics
    if not metrics:
        for name, value in card.version.facts.metrics.items():
            if name != EXAMPLE_COUNT:
                yield name, SliceMetric(OVERALL, None, value)
        return
    slices = by_slice(metrics)
    worst = {one.slice for metric in metrics for one in metric.worst}
    told = [name for name in slices if name in worst or any(one.threshold for one in slices[name].values())]
    for name in dict.fromkeys([OVERALL, *told[:_MOST_SLICES]]):
        for metric, one in slices.get(name, {}).items():
            if name == OVERALL or one.threshold or name in worst:
                yield metric, one


def _settings(values: dict[str, Any]) -> str:
    """The values of a section that say something; a section within it stands in brackets."""
    said = {key: value for key, value in values.items() if value not in (None, "", {}, [], False)}
    return ", ".join(
        f"{key} ({_settings(value)})" if isinstance(value, dict) else f"{key} {value}" for key, value in said.items()
    )


def to_markdown(card: ModelCard) -> str:
    """The card as Markdown; what nobody has written is named.

    Args:
        card: the card.
    """
    lines = [f"# Model card: {card.version.model} {card.version.number}", ""]
    for part in sections(card):
        lines += [f"## {part.title}", ""]
        if part.missing:
            lines += ["*Nobody has written this yet.*", ""]
        lines += [f"- **{_marked(name)}**: {_marked(value)}" for name, value in part.facts]
        lines += [""] if part.facts else []
        lines += [f"- {_marked(one)}" for one in part.items] if len(part.items) > 1 else [*map(_marked, part.items)]
        lines += [""] if part.items else []
        if part.rows:
            lines.append("| " + " | ".join(part.heads) + " |")
            lines.append("|" + "---|" * len(part.heads))
            lines += ["| " + " | ".join(map(_marked, row)) + " |" for row in part.rows]
            lines.append("")
    return "\n".join(lines)


def _marked(text: str) -> str:
    """A text as it stands in Markdown: on one line, with what Markdown and HTML would take for theirs marked."""
    return _MARKS.sub(r"\\\g<0>", " ".join(text.split()))


_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin: 2rem 0 .5rem; font-size: 1.2rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: 0; }
dt { opacity: .7; } dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; display: block; overflow-x: auto; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #8885; vertical-align: top; }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; } dd { margin-bottom: .4rem; } }
.missing { border-left: 4px solid #b35900; padding-left: .8rem; }
""".strip()


def to_html(card: ModelCard) -> str:
    """The card as one file of HTML, which asks for nothing from elsewhere.

    Args:
        card: the card.
    """
    name = html.escape(f"{card.version.model} {card.version.number}")
    body = [f"<h1>Model card: {name}</h1>"]
    for part in sections(card):
        body.append(f"<section><h2>{html.escape(part.title)}</h2>")
        if part.missing:
            body.append('<p class="missing">Nobody has written this yet.</p>')
        if part.facts:
            pairs = (f"<dt>{html.escape(key)}</dt><dd>{html.escape(value)}</dd>" for key, value in part.facts)
            body.append(f"<dl>{''.join(pairs)}</dl>")
        if len(part.items) > 1:
            body.append(f"<ul>{''.join(f'<li>{html.escape(one)}</li>' for one in part.items)}</ul>")
        else:
            body += [f"<p>{html.escape(one)}</p>" for one in part.items]
        if part.rows:
            body.append(f"<table><thead>{_row('th', part.heads)}</thead><tbody>")
            body += [_row("td", row) for row in part.rows]
            body.append("</tbody></table>")
        body.append("</section>")
    head = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Model card: {name}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n"
    )
    return head + "\n".join(body) + "\n</body>\n</html>\n"


def _row(tag: str, cells: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(one)}</{tag}>" for one in cells) + "</tr>"


def to_json(card: ModelCard) -> dict[str, Any]:
    """The card as plain values, by the Model Card Toolkit's schema; what nobody has written is left out.

    Args:
        card: the card.
    """
    texts, version = card.texts, card.version
    inputs = version.signatures.get("serving_default")
    details: dict[str, Any] = {
        "name": version.model,
        "overview": texts.overview,
        "owners": [one.model_dump() for one in texts.owners],
        "version": {"name": str(version.number), "date": version.registered[:10]},
        "licenses": [{"identifier": texts.license}] if texts.license else [],
        "references": [{"reference": one} for one in texts.references],
    }
    sensitive = {"sensitive": {"sensitive_data": list(texts.sensitive_data)}} if texts.sensitive_data else {}
    parameters: dict[str, Any] = {
        "model_architecture": dict(_model_facts(card)).get("architecture", ""),
        "data": [{"name": version.model, "description": _sentence(_data_facts(card)), **sensitive}],
        "input_format": _sentence((inputs.inputs if inputs else {}).items()),
        "output_format": _sentence((inputs.outputs if inputs else {}).items()),
    }
    measured = [
        {"type": name, "value": one.value, "slice": one.slice}
        for name, one in _measured(card)
        if one.value is not None and math.isfinite(one.value)
    ]
    considerations = {
        name: [{"description": one} for one in getattr(texts, name)]
        for name in ("users", "use_cases", "limitations", "tradeoffs")
    } | {
        "ethical_considerations": [
            {"name": one.name, "mitigation_strategy": one.mitigation} for one in texts.ethical_considerations
        ]
    }
    return {
        "schema_version": SCHEMA_VERSION,
        "model_details": _written(details),
        "model_parameters": _written(parameters),
        "quantitative_analysis": {"performance_metrics": measured},
        "considerations": _written(considerations),
    }


def _sentence(facts: Iterable[tuple[str, str]]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in facts)


def _written(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}
