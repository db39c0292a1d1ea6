"""What a change does to a pipeline, as Markdown for whoever reviews it: graph, schema, jobs, roles and cost."""

import contextlib
import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from millrace.access.needs import needs
from millrace.base import clock
from millrace.base.errors import BadInput
from millrace.base.secrets import CUT, cut
from millrace.base.visible import visible
from millrace.comparison.run_comparison import value_changes
from millrace.config.config import Config
from millrace.cost.budget import dollars, of_workers
from millrace.cost.durations import RunTimes, Source, past_times
from millrace.cost.estimate import CostEstimate, estimate
from millrace.cost.prices import load_prices
from millrace.jobspec.job import CompiledJob
from millrace.jobspec.rules.secrets import looks_like

GRAPH, JOB, ROLES, COST = "Graph", "Compiled job", "Roles", "Cost"
_UNSAID = "cannot be said: "
_MOST_LINES = 100
# GitHub takes 65,536 characters in a comment.
_MOST_CHARACTERS = 65_000
_CODE = re.compile(r"(`[^`]*`)")
# Where a document says something of one task: the task's or its executor's name, and what of it.
_OF_A_TASK = re.compile(r"pipelineSpec\.(?:root\.dag\.tasks|deploymentSpec\.executors)\.([^.]+)\.(.+)")
_FEW_TASKS = 2


@dataclass(frozen=True)
class Compiled:
    """A pipeline in one environment, in one commit.

    Args:
        job: compiled for Vertex AI.
        config: of that commit.
    """

    job: CompiledJob
    config: Config


def comment(
    against: str, schema: Sequence[str], environments: Mapping[str, tuple[Optional[Compiled], Compiled]]
) -> str:
    """The comment.

    Args:
        against: the commit, as a person calls it.
        schema: what differs in the schema, in words.
        environments: before and after by environment; before is None where the commit does not have it.

    Returns:
        Markdown. What is the same in several environments is said once, and that nothing changes is one sentence.
    """
    found: dict[str, dict[tuple[str, ...], list[str]]] = {GRAPH: {}, JOB: {}, ROLES: {}, COST: {}}
    unsaid: dict[str, list[str]] = {}
    for environment, (before, after) in environments.items():
        for title, lines in _sections(before, after).items():
            if len(lines) == 1 and lines[0].startswith(_UNSAID):
                unsaid.setdefault(lines[0].removeprefix(_UNSAID), []).append(f"{title.lower()} in {environment}")
            elif lines:
                found[title].setdefault(tuple(lines), []).append(environment)
    changed = {title: groups for title, groups in found.items() if groups}
    names = _listed(list(environments))
    open_yet = [f"Cannot be said: {_listed(where)}: {_harmless(why)}." for why, where in unsaid.items()]
    if not changed and not schema:
        same = "graph, schema, compiled job, roles and cost"
        sentence = f"**Millrace**: nothing changes against {against} in {names}: {same}."
        return _of_one_comment(cut("\n\n".join([sentence, *open_yet]))) + "\n"
    parts = [f"### Millrace: what changes against {against}"]
    if schema:
        parts.append("\n".join(["#### Schema", *_bullets(schema)]))
    for title, groups in changed.items():
        parts.append(f"#### {title}")
        for told, where in groups.items():
            parts.append("\n".join([f"In {_listed(where)}:", "", *_bullets(told)]))
    stays = [title.lower() for title in found if title not in changed] + ([] if schema else ["schema"])
    if stays:
        parts.append(f"As before: {_listed(stays)}.")
    parts += open_yet
    return _of_one_comment(cut("\n\n".join(parts))) + "\n"


def _of_one_comment(text: str) -> str:
    if len(text) <= _MOST_CHARACTERS:
        return text
    more = len(text) - _MOST_CHARACTERS
    told = f"{more:,} characters more than a comment takes are left out; millrace review tells all on your machine."
    return f"{text[:_MOST_CHARACTERS].rpartition(chr(10))[0]}\n\n{told}"


def _sections(before: Optional[Compiled], after: Compiled) -> dict[str, list[str]]:
    if before is None:
        return {
            JOB: [f"a new environment of {len(after.job.tasks)} tasks"],
            ROLES: list(_all_roles(after)),
            COST: [_whole(after)],
        }
    return {
        GRAPH: list(graph(before.job, after.job)),
        JOB: list(values(before.job, after.job)),
        ROLES: list(roles(before, after)),
        COST: list(costs(before, after)),
    }


def graph(before: CompiledJob, after: CompiledJob) -> Iterator[str]:
    """What differs in the tasks and in what they wait for.

    Args:
        before: the job of the commit.
        after: the job of the change.
    """
    old, new = ({step.name: step.task for step in job.walk()} for job in (before, after))
    for name in [one for one in old if one not in new]:
        yield f"{_code(name)} is no task any more"
    for name, task in new.items():
        upstream = set(task.get("dependentTasks", ()))
        if name not in old:
            yield f"{_code(name)} is a new task" + (f", after {_listed(sorted(upstream))}" if upstream else "")
            continue
        earlier = set(old[name].get("dependentTasks", ()))
        if more := sorted(upstream - earlier):
            yield f"{_code(name)} waits for {_listed(more)} too"
        if fewer := sorted(earlier - upstream):
            yield f"{_code(name)} does not wait for {_listed(fewer)} any more"


def values(before: CompiledJob, after: CompiledJob) -> Iterator[str]:
    """What else the two jobs say differently, by its place in the document: first what is of the whole job.

    What is the same of many tasks is told once.

    Args:
        before: the job of the commit.
        after: the job of the change.
    """
    old, new = ({step.name for step in job.walk()} for job in (before, after))
    told = old ^ new | {"dependentTasks"}
    groups: dict[tuple[str, str, str], list[str]] = {}
    secrets: dict[str, str] = {}
    for one in value_changes(*(_opened(job.to_document()[0], (), secrets) for job in (before, after))):
        # What the graph tells already is not told again.
        if any(part.removesuffix("_executor") in told for part in one.key.split(".")):
            continue
        of_task = _OF_A_TASK.fullmatch(one.key)
        said = _said(one.before, one.after)
        group = ("tasks", of_task[2], said) if of_task else ("", one.key, said)
        groups.setdefault(group, []).append(of_task[1] if of_task else "")
    for (kind, place, said), tasks in sorted(groups.items(), key=lambda group: group[0][0]):
        if len(tasks) <= _FEW_TASKS:
            yield from (f"{_code(_place(f'{task}.{place}' if kind else place))}{said}" for task in tasks)
        else:
            names = _listed([task.removesuffix("_executor") for task in tasks])
            yield f"{_code(_place(place))} of {len(tasks)} tasks{said}: {names}"


def _said(before: str, after: str) -> str:
    if before == after:
        return ": its text is another one"
    return f": {_code(before) or 'not said'} is {_code(after) or 'not said'} now"


def _opened(value: Any, names: tuple[str, ...], secrets: dict[str, str]) -> Any:
    """A plain value in which texts that hold JSON are what they hold: what differs within is told by its own key.

    What looks like a secret by its form, or by the name of anything that holds it, stays out of what a whole team
    reads. It is numbered, since another one is a change.

    Args:
        value: of a compiled job's document.
        names: the keys that lead to it.
        secrets: what is shown in place of each secret that was met; new ones are added.
    """
    if isinstance(value, dict):
        called = str(value.get("name", ""))  # of a container's variable
        return {
            key: _opened(one, (*names, key, *([called] if key == "value" else [])), secrets)
            for key, one in value.items()
        }
    if isinstance(value, list):
        # An option and its value are one word or two.
        return [
            _opened(one, (*names, str(before)) if "=" not in str(one) else names, secrets)
            for before, one in zip(["", *value], value, strict=False)
        ]
    if not isinstance(value, str):
        return value
    if value[:1] in ("{", "["):
        with contextlib.suppress(ValueError, RecursionError):
            return _opened(json.loads(value), names, secrets)
    option, _, given = value.partition("=")
    if given and option.startswith("--") and looks_like(option, value):
        return f"{option}={_numbered(given, secrets)}"
    return _numbered(value, secrets) if any(looks_like(name, value) for name in ("", *names)) else value


def _numbered(secret: str, secrets: dict[str, str]) -> str:
    return secrets.setdefault(secret, f"{CUT} ({len(secrets) + 1})")


def _place(key: str) -> str:
    """A key without what says only how such a document is built."""
    for beginning in ("pipelineSpec.", "root.dag.tasks.", "deploymentSpec.executors."):
        key = key.removeprefix(beginning)
    key = key.removeprefix("inputs.parameters.").removeprefix("container.")
    for within in (".inputs.parameters", ".runtimeValue.constant", ".container.resources"):
        key = key.replace(within, "")
    return key


def roles(before: Compiled, after: Compiled) -> Iterator[str]:
    """What differs in the least roles.

    Args:
        before: of the commit.
        after: of the change.
    """
    try:
        old, new = ({one.key: one for one in needs(side.job, side.config)} for side in (before, after))
    except BadInput as error:
        yield f"{_UNSAID}{error.what}"
        return
    for key in [one for one in new if one not in old]:
        yield f"needed from now on: {_role(new[key])}, for {'; '.join(new[key].reasons)}"
    for key in [one for one in old if one not in new]:
        yield f"needed no longer: {_role(old[key])}"


def _all_roles(side: Compiled) -> Iterator[str]:
    try:
        yield from map(_role, needs(side.job, side.config))
    except BadInput as error:
        yield f"{_UNSAID}{error.what}"


def costs(before: Compiled, after: Compiled) -> Iterator[str]:
    """What differs in what a run rents, and in what it costs where runs on this machine tell how long it takes.

    Args:
        before: of the commit.
        after: of the change.
    """
    try:
        # A commit that is checked out for a moment has no runs.
        times = past_times(after.config)
        old, new = _estimate(before, times), _estimate(after, times)
    except BadInput as error:
        yield f"{_UNSAID}{error.what}"
        return
    rented = {one.stage: _rented(one) for one in old.stages}
    renting = {one.stage: _rented(one) for one in new.stages}
    for stage in dict.fromkeys([*rented, *renting]):
        if rented.get(stage) != renting.get(stage):
            yield f"{_code(stage)} rents {renting.get(stage) or 'nothing'}, before {rented.get(stage) or 'nothing'}"
    if old.whole != new.whole and not (old.unknown or new.unknown):
        workers = f"; {of_workers(new)}, which is counted" if new.unbounded else ""
        yield f"a run costs {dollars(new.whole.middle)}, before {dollars(old.whole.middle)}{workers}"
    if old.endpoints != new.endpoints:
        of_both = [", ".join(one.what for one in side.endpoints.values()) or "nothing" for side in (new, old)]
        yield f"what serves afterwards rents {of_both[0]}, before {of_both[1]}"


def _whole(side: Compiled) -> str:
    try:
        made = _estimate(side, past_times(side.config))
    except BadInput as error:
        return f"{_UNSAID}{error.what}"
    unknown = ", without stages of which no run on this machine tells how long they take" if made.unknown else ""
    workers = f"; {of_workers(made)}, which is counted" if made.unbounded else ""
    return f"a run costs {dollars(made.whole.middle)}{unknown}{workers}"


def _estimate(side: Compiled, times: tuple[Source, Sequence[RunTimes]]) -> CostEstimate:
    """By today's prices and this machine's runs on both sides, so that only what the change does is told."""
    cost = side.config.vertex.cost
    prices = load_prices(cost.prices, clock.today(), cost.old_prices)
    return estimate(side.job, side.config, prices, times)


def _rented(stage: Any) -> str:
    return " and ".join(f"{rent.what} ({dollars(rent.hourly)} an hour)" for rent in stage.rents)


def _role(grant: Any) -> str:
    return f"{_code(grant.role)} for {_code(grant.account)} on {_code(grant.resource)}"


def _bullets(lines: Sequence[str]) -> list[str]:
    more = len(lines) - _MOST_LINES
    told = [f"- {_harmless(line)}" for line in lines[:_MOST_LINES]]
    return told + ([f"- and {more} more"] if more > 0 else [])


def _harmless(line: str) -> str:
    """A line whose names, which whoever opens the request has chosen, begin no section, tag or call to a person."""
    parts = _CODE.split(" ".join(visible(line).split()))
    return "".join(
        part if part.startswith("`") and part.endswith("`") else html.escape(part, quote=False).replace("@", "&#64;")
        for part in parts
    )


def _code(text: str) -> str:
    return f"`{text.replace('`', chr(39))}`" if text else ""


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
