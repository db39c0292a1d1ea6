"""Rows that are divided, chosen, weighed and judged as a configuration says: an example pipeline to a pushed model."""

import datetime
import gzip
import json

import numpy as np
import pandas as pd
import pytest

from millrace.base import tfx_versions

pytestmark = pytest.mark.slow

LOANS = """
name: loans
data:
  path: ../data
  pattern: loans.csv
  rules: table
  splits: {by: time, column: asked, format: "%Y-%m-%d", days: {eval: 60, test: 60}}
  where: amount > 0 and not is_missing(defaulted)
  leave_out: [email]
  key: customer
{schema}label: {column: defaulted, task: binary, weight: importance}
features:
  amount: {kind: numeric, scale: log}
  income: {kind: numeric}
  job: {kind: categorical}
model: {hidden_units: [8]}
training: {steps: 200, learning_rate: 0.01}
evaluation:
  metrics:
    - AUC
    - ExampleCount
    - {metric: RecallAtPrecision, precision: 0.6, name: recall_60}
    - {metric: models.cost.Cost, missed: 5, better: lower}
  thresholds:
    - {metric: AUC, at_least: 0.7}
    - {metric: recall_60, at_least: 0.05}
    - {metric: Cost, at_most: 5, worse_by_at_most: 0.5}
"""
RULES = """
feature_validations {
  feature_path { step: "amount" }
  validations { sql_expression: "feature.num_stats.max < 1000" severity: WARNING description: "no loan above 1,000" }
}
"""
COST = '''"""What a model's decisions cost."""

from tensorflow_model_analysis.metrics import confusion_matrix_metrics


class Cost(confusion_matrix_metrics.ConfusionMatrixMetric):
    """The mean cost of a decision at one half: 1 for a false alarm, `missed` for a positive that was missed."""

    def __init__(self, missed=1.0, name="cost"):
        super().__init__(thresholds=0.5, name=name)
        self.missed = missed

    def result(self, tp, tn, fp, fn):
        return (fp + self.missed * fn) / (tp + tn + fp + fn)
'''


def loans(rows: int) -> pd.DataFrame:
    """Loans of three years: large ones of people with a small income default."""
    random = np.random.default_rng(3)
    first = datetime.date(2029, 1, 1)
    amount, income = random.lognormal(9, 1, rows).round(2), random.lognormal(10, 0.5, rows).round(2)
    score = np.log(amount / income) + random.normal(0, 0.7, rows)
    defaulted = pd.Series((score > -0.4).astype(float), dtype="Int64")
    defaulted[random.random(rows) < 0.02] = pd.NA
    return pd.DataFrame(
        {
            "customer": random.integers(0, rows // 3, rows),
            "email": [f"ada{number}@example.org" for number in range(rows)],
            "asked": [(first + datetime.timedelta(days=int(day))).isoformat() for day in random.integers(0, 900, rows)],
            "amount": np.where(random.random(rows) < 0.02, -1.0, amount),
            "income": income,
            "job": random.choice(["clerk", "cook", "nurse"], rows),
            "importance": random.choice([0.5, 1.0, 2.0], rows),
            "defaulted": defaulted,
        }
    )


@pytest.mark.thorough
def test_loans_divided_by_time_and_weighed_to_a_pushed_model(project):
    table = loans(4000)
    table.to_csv(project.data / "loans.csv", index=False)
    (project.folder / "models" / "cost.py").write_text(COST)
    (project.folder / "conf" / "rules.pbtxt").write_text(RULES)
    ruled = tfx_versions.custom_validations() is not None
    schema = "schema: {rules: rules.pbtxt}\n" if ruled else ""
    (project.folder / "conf" / "loans.yaml").write_text(LOANS.replace("{schema}", schema))
    finished = project.millrace("run", "-c", "conf/loans.yaml")
    assert finished.code == 0, finished.output
    runs = project.folder / "runs" / "loans"
    [version] = (runs / "serving" / "loans").iterdir()
    about = json.loads((version / "assets.extra" / "millrace.json").read_text())
    assert set(about["inputs"]) == {"amount", "income", "job"}

    # A blessing keeps a copy of the report.
    measured = json.loads(next(runs.rglob("Evaluator/evaluation/*/gate_report.json")).read_text())
    wanted = table[(table.amount > 0) & table.defaulted.notna()]
    newest = datetime.date.fromisoformat(max(wanted.asked)) - datetime.timedelta(days=60)
    assert measured["examples"] == (wanted.asked > newest.isoformat()).sum()
    assert {row["metric"] for row in measured["rows"]} == {"AUC", "recall_60", "Cost"}
    assert 0 < measured["metrics"]["cost"] < 1
    warned = "amount (train, eval, test): CUSTOM_VALIDATION: no loan above 1,000" in " ".join(finished.output.split())
    assert warned == ruled
    assert "values of customer are in more than one split" in " ".join(finished.output.split())

    for file in runs.rglob("*"):
        content = file.read_bytes() if file.is_file() else b""
        assert b"@example.org" not in (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content), file
    compiled = project.millrace("compile", "-c", "conf/loans.yaml", "--runner", "kubeflow", "-o", "loans.json")
    assert compiled.code == 0, compiled.output
