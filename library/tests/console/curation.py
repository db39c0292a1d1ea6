"""A pipeline whose latest run was blocked, and its schema to curate."""

from pathlib import Path

from looked_at_runs import LookedAtRuns

from millrace.config.loading import load
from millrace.textproto import schema_text

SCHEMA = """\
# The contract. Every comment here is a person's.
default_environment: "TRAINING"
default_environment: "SERVING"

feature {
  name: "fare"   # dollars
  type: FLOAT
  presence { min_fraction: 1 }
  float_domain { min: 0 max: 100 }
}
feature { name: "payment" type: BYTES domain: "payment" presence { min_fraction: 1 } }
feature { name: "tip" type: INT not_in_environment: "SERVING" }  # what is predicted
string_domain {
  name: "payment"
  value: "Cash"          # notes and coins
  value: "Card"
}
"""
CONF = """\
name: trips
root: ROOT
data: {path: ROOT}
schema: {file: schema.pbtxt}
label: {column: tip, task: binary, classes: [0, 1]}
features:
  fare: {kind: numeric}
  payment: {kind: categorical}
training: {steps: 10}
evaluation: {metrics: [AUC], thresholds: [{metric: AUC, at_least: 0.5}]}
"""


class Curation:
    """A pipeline whose latest run was blocked: a fare of 500 and a way to pay that the schema does not know."""

    def __init__(self, folder: Path) -> None:
        self.schema = folder / "schema.pbtxt"
        self.schema.write_text(SCHEMA)
        (folder / "trips.yaml").write_text(CONF.replace("ROOT", str(folder / "root")))
        self.config = load(str(folder / "trips.yaml"), [])
        self._runs = runs = LookedAtRuns(folder / "root", "trips", str(folder / "trips.yaml"))
        proto = schema_text.read(self.schema).proto
        well = {"fare": [5.0, 50.0] * 50, "payment": ["Cash", "Card"] * 50, "tip": [0, 1] * 50}
        self._odd = odd = {**well, "fare": [5.0, 500.0] * 50, "payment": ["Cash", "<script>"] * 50}
        self._well = well
        self.first = runs.add({"train": well, "eval": well}, proto, span=1)
        self.blocked = runs.add({"train": odd, "eval": well}, proto, span=2, exit_code=3)

    def run_again(self) -> str:
        """The same data once more, held to the schema as it is by now."""
        proto = schema_text.read(self.schema).proto
        return self._runs.add({"train": self._odd, "eval": self._well}, proto, span=2)
