"""`millrace cost`: what the compiled job rents, by the price table; how often the next run lies within the interval."""

import copy
import json
import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from millrace.base.errors import BadInput, GateRefused
from millrace.base.outcomes import State
from millrace.catalog.machine_sizes import machine_of_step, machine_size
from millrace.cli.main import millrace
from millrace.cloud.prepared_job import Progress, ready
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.cost.budget import dollars, judged
from millrace.cost.durations import RunTimes, past_times
from millrace.cost.estimate import estimate
from millrace.cost.interval import next_value
from millrace.cost.prices import OLDEST, OWN_TABLE, PriceTable, load_prices
from millrace.cost.resources import endpoint_rent, rents
from millrace.jobspec.job import CompiledJob
from millrace.jobspec.job import load as load_job
from millrace.metadata.journal import FILE_NAME
from millrace.metadata.run_folder import RunRequest, new_run

GOLDEN = Path(__file__).parents[1] / "jobspec/golden"
DAY = date(2026, 11, 26)


@pytest.fixture(scope="module")
def taxi() -> CompiledJob:
    return load_job(GOLDEN / "taxi-vertex.json")


@pytest.fixture(scope="module")
def everything() -> CompiledJob:
    return load_job(GOLDEN / "everything-vertex.json")


@pytest.fixture(scope="module")
def prices() -> PriceTable:
    return load_prices(None, DAY)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load("conf/taxi.yaml", [f"root={tmp_path}"])


def times(job: CompiledJob, *factors: float) -> list[RunTimes]:
    """A run for each factor, in which the stage at place N takes 60 (N + 1) seconds times that."""
    stages = [name for name, task in job.tasks.items() if "container" in job.executor(task)]
    return [
        RunTimes(f"run-{number}", {name: 60.0 * factor * (place + 1) for place, name in enumerate(stages)})
        for number, factor in enumerate(factors)
    ]


def record(logs: Path, seconds: dict[str, float], runner: str = "rehearsal", overrides: tuple[str, ...] = ()) -> str:
    """A run whose journal says that its stages took so long, one after the other."""
    # As the commands ask: of a rehearsal only the file is known.
    of = "" if runner == "rehearsal" else "taxi"
    request = RunRequest(str(Path("conf/taxi.yaml").resolve()), overrides, runner=runner, pipeline=of)
    with new_run(logs, request) as folder:
        at, lines = 1e9, []
        for stage, its_seconds in seconds.items():
            for state, when in ((State.RUNNING, at), (State.DONE, at + its_seconds)):
                lines.append(json.dumps({"stage": stage, "state": state.value, "at": when}))
            at += its_seconds
        (folder.path / FILE_NAME).write_text("\n".join(lines) + "\n")
        folder.finish(0)
    return folder.run_id


def test_one_rehearsal_gives_way_to_runs_and_two_do_not(tmp_path: Path, config: Config) -> None:
    logs = tmp_path / "logs"
    record(logs, {"Trainer": 5.0})
    assert past_times(config)[0] == "rehearsals", "there is nothing else"
    record(logs, {"Trainer": 9.0}, runner="local")
    assert past_times(config)[0] == "runs"
    record(logs, {"Trainer": 6.0})
    assert past_times(config)[0] == "rehearsals"


def test_the_table_agrees_with_what_is_published_of_whole_machines(prices: PriceTable) -> None:
    """https://cloud.google.com/vertex-ai/pricing, training in us-central1."""
    published = {"n1-standard-4": 0.21849885, "e2-standard-4": 0.154126276}
    for name, hourly in published.items():
        size = machine_size(name)
        assert size and prices.machine("us-central1", size) == pytest.approx(hourly, rel=1e-6)


@pytest.mark.parametrize(
    ("cpu", "memory", "accelerator", "count", "machine"),
    [
        (0, 0, "", 1, "e2-standard-4"),
        (4, 16, "", 1, "e2-standard-4"),
        (2, 9, "", 1, "e2-highmem-2"),
        (3, 0, "", 1, "e2-highcpu-4"),
        (64, 200, "", 1, "n1-standard-64"),
        (4, 15, "NVIDIA_TESLA_T4", 2, "n1-standard-4"),
        (0, 0, "NVIDIA_TESLA_A100", 2, "a2-highgpu-2g"),
        (8, 40, "NVIDIA_L4", 1, "g2-standard-12"),
        (97, 0, "", 1, None),
    ],
)
def test_a_step_gets_the_smallest_machine(
    cpu: float, memory: float, accelerator: str, count: int, machine: str
) -> None:
    size = machine_of_step(cpu, memory, accelerator, count)
    assert (size.machine_type if size else None) == machine


def test_what_each_task_rents_is_what_the_compiled_job_asks_for(everything: CompiledJob, prices: PriceTable) -> None:
    rented = rents(everything, "us-central1", prices)
    assert [one.what for one in rented["Trainer"]] == [
        "e2-standard-2",
        "a2-highgpu-1g + NVIDIA_TESLA_A100",
        "a2-highgpu-1g + NVIDIA_TESLA_A100",
    ]
    a2 = 12 * 0.03635265 + 85 * 0.00487255 + 3.3739942
    assert [one.hourly for one in rented["Trainer"][1:]] == pytest.approx([a2, a2])
    assert [one.what for one in rented["ExampleGen"]] == [
        "n1-highmem-8 + NVIDIA_TESLA_T4",
        "Dataflow 1 to 2,000 x n1-standard-1",
    ]
    of_worker = 0.056 + 3.75 * 0.003557 + 25 * 0.000054
    assert rented["ExampleGen"][1].least_hourly == pytest.approx(of_worker)
    assert rented["ExampleGen"][1].hourly == pytest.approx(2000 * of_worker), "Dataflow adds workers unless it may not"
    assert len(rented["DataGate"]) == 1, "it has Beam's options, and no work for Beam"
    assert "LatestBlessedModel-model-resolver" not in rented
    endpoint = endpoint_rent(everything, "us-central1", prices)["Pusher"]
    assert endpoint.what == "2 to 5 x n1-standard-4"
    assert (endpoint.least_hourly, endpoint.hourly) == pytest.approx((2 * 0.21849885, 5 * 0.21849885))


def test_workers_that_may_grow_make_the_interval_wider(
    everything: CompiledJob, prices: PriceTable, config: Config
) -> None:
    job = copy.deepcopy(everything)
    with_beam = [container for container in containers(job) if "--runner=DataflowRunner" in container.get("args", ())]
    for container in with_beam:
        container["args"] += ["--num_workers=2", "--autoscaling_algorithm=NONE"]
    fixed = estimate(job, config, prices, ("runs", times(job, 1, 1.1))).whole
    containers(job, "Transform")[0]["args"][-1:] = ["--max_num_workers=10"]
    [_, workers] = rents(job, "us-central1", prices)["Transform"]
    costs = estimate(job, config, prices, ("runs", times(job, 1, 1.1)))
    assert costs.unbounded == ()
    grown, transform = costs.whole, next(one for one in costs.stages if one.stage == "Transform")
    assert workers.what == "Dataflow 2 to 10 x n1-standard-1"
    assert workers.hourly == pytest.approx(5 * workers.least_hourly)
    assert fixed.low and grown.low and fixed.high and grown.high and grown.high - grown.low > fixed.high - fixed.low
    # The stage by itself too: its lower end is that of the fewest workers.
    seconds, dollars = transform.seconds, transform.dollars
    assert seconds and dollars and seconds.low and seconds.high and transform.least_hourly < transform.hourly
    assert dollars.low == pytest.approx(seconds.low * transform.least_hourly / 3600)
    assert dollars.high == pytest.approx(seconds.high * transform.hourly / 3600)


def containers(job: CompiledJob, *names: str) -> list[dict[str, Any]]:
    found = [job.executor(step.task).get("container") for step in job.walk() if not names or step.name in names]
    return [one for one in found if one]


@pytest.mark.parametrize(
    ("options", "words", "least", "most", "bounded"),
    [
        ([], "1 to 2,000", 1, 2000, False),
        (["--num_workers=3"], "3 to 2,000", 3, 2000, False),
        (["--max_num_workers=10"], "1 to 10", 1, 10, True),
        (["--num_workers", "4", "--max_num_workers", "2"], "4", 4, 4, True),
        (["--num_workers=3", "--autoscaling_algorithm=NONE", "--max_num_workers=10"], "3", 3, 3, True),
        (["--autoscaling_algorithm=NONE", "--max_num_workers=10"], "1 to 2,000", 1, 2000, False),
    ],
)
def test_dataflow_takes_as_many_workers_as_the_job_lets_it(
    everything: CompiledJob, prices: PriceTable, options: list[str], words: str, least: int, most: int, bounded: bool
) -> None:
    job = copy.deepcopy(everything)
    containers(job, "Transform")[0]["args"] += options
    [_, workers] = rents(job, "us-central1", prices)["Transform"]
    assert (workers.what, workers.is_bounded) == (f"Dataflow {words} x n1-standard-1", bounded)
    assert workers.hourly / workers.least_hourly == pytest.approx(most / least)


def test_a_budget_refuses_workers_without_end_and_says_which_setting_ends_them(
    everything: CompiledJob, prices: PriceTable, config: Config
) -> None:
    costs = estimate(everything, config, prices, ("runs", times(everything, 1, 1.1)))
    assert "Transform" in costs.unbounded and "Trainer" not in costs.unbounded
    with pytest.raises(GateRefused) as refused:
        judged(costs, 20.0)
    assert refused.value.remedy.startswith(
        "set beam.dataflow.max_workers (start_workers, without autoscaling), since Dataflow may take 2,000 workers for "
    )


@pytest.mark.parametrize("value", ["many", "-5", "1.5", ""])
def test_workers_that_are_no_number_have_no_price(everything: CompiledJob, prices: PriceTable, value: str) -> None:
    job = copy.deepcopy(everything)
    containers(job, "Transform")[0]["args"].append(f"--max_num_workers={value}")
    with pytest.raises(BadInput, match="--max_num_workers is") as refused:
        rents(job, "us-central1", prices)
    assert refused.value.where == "Transform"


def test_what_a_step_asks_for_has_its_price_however_it_is_written(everything: CompiledJob, prices: PriceTable) -> None:
    job = copy.deepcopy(everything)
    [container] = containers(job, "Transform")
    for cpu, memory in (("8", "32G"), ("8000m", "31Gi")):
        container["resources"] = {"resourceCpuLimit": cpu, "resourceMemoryLimit": memory}
        machine = rents(job, "us-central1", prices)["Transform"][0].what
        assert machine == ("e2-standard-8" if memory == "32G" else "e2-highmem-8")
    # The newer field holds where both are there; a number may be written as text.
    for resources, machine in (
        ({"cpuLimit": 2, "memoryLimit": 4, "resourceCpuLimit": "8", "resourceMemoryLimit": "32G"}, "e2-standard-8"),
        ({"cpuLimit": "0.8e1", "memoryLimit": " 32 "}, "e2-standard-8"),
    ):
        container["resources"] = resources
        assert rents(job, "us-central1", prices)["Transform"][0].what == machine
    for text, words in (
        ("lots", "is 'lots', which is no quantity"),
        ("1.2.3", "is '1.2.3', which is no quantity"),
        ("{{$.inputs.parameters['cpu']}}", "when the job runs"),
    ):
        container["resources"] = {"resourceCpuLimit": text}
        with pytest.raises(BadInput, match=words):
            rents(job, "us-central1", prices)


def test_the_whole_is_the_sum_of_its_stages_and_the_fee(taxi: CompiledJob, prices: PriceTable, config: Config) -> None:
    costs = estimate(taxi, config, prices, ("runs", times(taxi, 1, 1, 1)))
    assert not costs.unknown and costs.fee == 0.03
    whole = 0.03 + sum(one.dollars.middle for one in costs.stages if one.dollars)
    assert (costs.whole.low, costs.whole.middle, costs.whole.high) == pytest.approx((whole, whole, whole))
    machine = {one.stage: one.rents[0].what for one in costs.stages}
    assert set(machine.values()) == {"e2-standard-4"}, "4 processors and 16 GB"


def _lognormal(random: np.random.Generator) -> float:
    return float(np.exp(random.normal(0, 0.3)))


def _gamma(random: np.random.Generator) -> float:
    return float(random.gamma(12, 1 / 12))


@pytest.mark.parametrize(
    ("draw", "runs", "together"), [(_lognormal, 3, False), (_gamma, 6, True)], ids=["stage by stage", "whole runs"]
)
def test_the_next_run_lies_within_the_interval_as_often_as_it_says(
    taxi: CompiledJob,
    prices: PriceTable,
    config: Config,
    draw: Callable[[np.random.Generator], float],
    runs: int,
    together: bool,
) -> None:
    """With planted times: each stage's own, or all of a run slow and fast together; the last run is the next one."""
    random = np.random.default_rng(7)
    [base] = times(taxi, 1.0)
    tries, within, stages_within = 200, 0, []
    for _ in range(tries):
        planted = []
        for number in range(runs + 1):
            shared = draw(random) if together else 1.0
            seconds = {
                name: value * shared * (1.0 if together else draw(random)) for name, value in base.seconds.items()
            }
            planted.append(RunTimes(str(number), seconds))
        costs = estimate(taxi, config, prices, ("runs", planted[:-1]))
        hourly = {one.stage: one.hourly for one in costs.stages}
        spent = {name: hourly[name] * value / 3600 for name, value in planted[-1].seconds.items()}
        assert costs.whole.low is not None and costs.whole.high is not None
        within += costs.whole.low <= 0.03 + sum(spent.values()) <= costs.whole.high
        trainer = next(one.dollars for one in costs.stages if one.stage == "Trainer")
        assert trainer and trainer.low is not None and trainer.high is not None
        stages_within.append(trainer.low <= spent["Trainer"] <= trainer.high)
    # 0.95 but for three standard errors of the binomial.
    assert 0.90 <= within / tries <= 1.0
    assert 0.90 <= np.mean(stages_within) <= 1.0


def test_where_no_run_did_all_the_work_the_stages_intervals_hold_together(
    taxi: CompiledJob, prices: PriceTable, config: Config
) -> None:
    whole = times(taxi, 1, 1.2, 0.9)
    parts = [RunTimes(one.run_id, dict(list(one.seconds.items())[half::2])) for one in whole for half in (0, 1)]
    costs = estimate(taxi, config, prices, ("runs", parts))
    together, apart = estimate(taxi, config, prices, ("runs", whole)).whole, costs.whole
    assert apart.middle == pytest.approx(together.middle)
    assert apart.low and together.low and apart.high and together.high
    assert apart.low < together.low and apart.high > together.high
    # That all hold at once is said less often than that each does: Bonferroni's intervals are wider than their own.
    lows, highs = ([getattr(one.dollars, end) for one in costs.stages] for end in ("low", "high"))
    assert apart.low - costs.fee < 0.9 * sum(lows) and apart.high - costs.fee > 1.1 * sum(highs)
    level = 1 - 0.05 / len(costs.stages)
    each = [
        next_value([run.seconds[one.stage] for run in parts if one.stage in run.seconds], level) for one in costs.stages
    ]
    wider = sum(
        spread.high * one.hourly / 3600
        for spread, one in zip(each, costs.stages, strict=True)
        if spread and spread.high
    )
    assert apart.high == pytest.approx(costs.fee + wider)


def test_one_run_has_no_spread_and_two_have_a_wide_one() -> None:
    assert next_value([]) is None
    one, two, five = next_value([10.0]), next_value([9.0, 11.0]), next_value([9.0, 11.0, 10.0, 9.5, 10.5])
    assert one and (one.low, one.middle, one.high) == (None, 10.0, None)
    assert two and five and two.high and five.high and two.high > 30 > five.high > 11


def test_times_are_those_of_the_same_work(tmp_path: Path, config: Config) -> None:
    logs = tmp_path / "logs"
    record(logs, {"Trainer": 50.0})
    record(logs, {"Trainer": 1.0}, overrides=("training.steps=5",))
    record(logs, {"Trainer": 60.0}, overrides=("environment=prod", "vertex.root=gs://b/x"))
    record(logs, {"Trainer": 9.0}, runner="local")
    source, found = past_times(config)
    assert source == "rehearsals" and [one.seconds["Trainer"] for one in found] == [50.0, 60.0]
    assert past_times(config, "runs")[1][0].seconds == {"Trainer": 9.0}
    # How Beam works, and on how many rows statistics are, is no part of what a model is; the time is another's.
    record(logs, {"Trainer": 2.0}, overrides=("beam.mode=multi_processing",))
    record(logs, {"Trainer": 3.0}, overrides=("statistics.sample_rate=0.1",))
    assert len(past_times(config)[1]) == 2
    Path(tmp_path / "other.yaml").write_text(Path("conf/taxi.yaml").read_text().replace("name: taxi", "name: other"))
    assert past_times(load(tmp_path / "other.yaml", [f"root={tmp_path}"]))[1] == []


def test_an_old_table_is_refused_unless_told(tmp_path: Path) -> None:
    table = yaml.safe_load(OWN_TABLE.read_text())
    last = table["date"] + OLDEST
    assert load_prices(None, last).date == table["date"]
    with pytest.raises(BadInput, match="more than half a year old") as refused:
        load_prices(None, last + timedelta(days=1))
    assert "--old-prices" in refused.value.remedy
    assert load_prices(None, last + timedelta(days=1), old=True).pipeline_run == 0.03


def test_what_the_table_does_not_have_is_not_guessed(taxi: CompiledJob, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no price of europe-west6"):
        rents(taxi, "europe-west6", load_prices(None, DAY))
    table = yaml.safe_load(OWN_TABLE.read_text())
    table["regions"]["europe-west6"] = {"families": {"e2": {"cpu": 0.03, "gb": 0.004}}}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(table))
    own = load_prices(str(tmp_path / "own.yaml"), DAY)
    assert rents(taxi, "europe-west6", own)["Trainer"][0].hourly == pytest.approx(4 * 0.03 + 16 * 0.004)
    for text, words in (
        ("date: 2026-13-01", "there is no such day or time as 2026-13-01"),
        (f"date: {DAY}\ndate: {DAY}", "'date' is written twice"),
        (re.sub(r"(?m)^date: \S+", f"date: {DAY + timedelta(2)}", OWN_TABLE.read_text()), "a day to come"),
    ):
        (tmp_path / "odd.yaml").write_text(text)
        with pytest.raises(BadInput, match=words):
            load_prices(str(tmp_path / "odd.yaml"), DAY)
    (tmp_path / "bad.yaml").write_text("date: soon")
    with pytest.raises(BadInput, match="no price table: date"):
        load_prices(str(tmp_path / "bad.yaml"), DAY)
    with pytest.raises(BadInput, match="there is no such price table"):
        load_prices(str(tmp_path / "gone.yaml"), DAY)


def test_a_step_that_asks_for_more_than_any_machine_has_is_refused_by_name(
    everything: CompiledJob, prices: PriceTable
) -> None:
    asked = everything.executor(everything.tasks["ExampleGen"])["container"]["resources"]
    before = asked["memoryLimit"]
    asked["memoryLimit"] = 100_000.0
    try:
        with pytest.raises(BadInput, match="no machine that is known here") as told:
            rents(everything, "us-central1", prices)
    finally:
        asked["memoryLimit"] = before
    assert (told.value.where, "vertex.stages.ExampleGen" in told.value.remedy) == ("ExampleGen", True)


def test_workers_are_priced_where_they_run_and_not_where_the_job_does(
    everything: CompiledJob, prices: PriceTable
) -> None:
    container = everything.executor(everything.tasks["Transform"])["container"]
    container["args"].append("--region=europe-west6")
    try:
        with pytest.raises(BadInput, match="no price of europe-west6"):
            rents(everything, "us-central1", prices)
    finally:
        del container["args"][-1:]


def test_a_budget_refuses_what_may_be_above_and_says_what_it_could_not_judge(
    taxi: CompiledJob, prices: PriceTable, config: Config
) -> None:
    costs = estimate(taxi, config, prices, ("runs", times(taxi, 1, 1.1, 0.9)))
    assert costs.whole.high is not None
    assert judged(costs, None) == judged(costs, costs.whole.high + 0.01) == ""
    with pytest.raises(GateRefused, match="may cost, at 95%, up to") as refused:
        judged(costs, (costs.whole.middle + costs.whole.high) / 2)
    assert refused.value.exit_code == 3 and refused.value.where == "vertex.cost.budget"
    single = estimate(taxi, config, prices, ("runs", times(taxi, 1)))
    assert "one run alone has no spread" in judged(single, 100.0)
    with pytest.raises(GateRefused, match="would cost about"):
        judged(single, 0.01)
    assert "no run tells how long" in judged(estimate(taxi, config, prices, ("runs", [])), 100.0)


def test_a_job_above_its_budget_is_not_sent(taxi: CompiledJob, tmp_path: Path) -> None:
    """What `submit` and `schedules create` go through."""
    config = load("conf/taxi.yaml", [f"root={tmp_path}", "vertex.cost={budget: 0.05, old_prices: true}"])
    said: list[str] = []
    progress = Progress(say=said.append, show=lambda findings: None)
    job = load_job(GOLDEN / "taxi-vertex.json")
    job = job.__class__(**{**vars(job), "spec": {**job.spec, "pipelineInfo": {"name": "other"}}})
    assert ready(job, config, {}, progress).name == "other"
    assert "could not be judged" in said[0], "no run tells how long, and that is no refusal"
    for factor in (1.0, 1.2):
        record(tmp_path / "logs", times(taxi, factor)[0].seconds)
    with pytest.raises(GateRefused, match=r"the budget is \$0.05"):
        ready(job, config, {}, progress)


def test_the_command_prints_it_and_compares_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    job = GOLDEN / "taxi-vertex.json"
    stages = times(load_job(job), 1.0)[0].seconds
    for factor in (1.0, 1.1, 0.9):
        record(tmp_path / "logs", {name: factor * value for name, value in stages.items()}, runner="local")
    options = ["--set", f"root={tmp_path}", "--job", str(job), "--old-prices"]

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(millrace, ["cost", *arguments, *options], catch_exceptions=False)
        assert result.exit_code == 0
        return result.output

    shown = run()
    assert max(map(len, shown.partition("\n\n")[0].splitlines())) <= 80
    [whole] = [line.split() for line in shown.splitlines() if line.startswith("whole")]
    costs = json.loads(run("--json"))
    assert whole == ["whole", *(f"${costs['whole'][end]:.4f}" for end in ("middle", "low", "high"))]
    assert "times of 3 runs on this machine; prices of 2026-09-08, us-central1" in shown
    compared = run("last~1", "last").splitlines()
    [trainer] = [line.split() for line in compared if line.startswith("Trainer")]
    assert float(trainer[1][1:]) > float(trainer[2][1:])
    with pytest.raises(GateRefused):
        run("--set", "vertex.cost.budget=0.1")
    with pytest.raises(BadInput, match="nothing has been compiled"):
        CliRunner().invoke(millrace, ["cost", "--set", f"root={tmp_path}"], catch_exceptions=False)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0, "$0.0000"),
        (0.00004, "<$0.0001"),
        (0.00006, "<$0.0001"),
        (0.0001, "$0.0001"),
        (0.5, "$0.5000"),
        (0.99996, "$1.00"),
        (1234.5, "$1,234.50"),
    ],
)
def test_a_sum_that_is_something_is_not_written_as_nothing(value: float, words: str) -> None:
    assert dollars(value) == words
