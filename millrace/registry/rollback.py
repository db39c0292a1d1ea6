"""Going back: the earlier version is looked at and tried in a model server before anything moves."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from millrace.base.errors import BadInput, GateRefused
from millrace.components.infra_validator.section import InfraValidation
from millrace.registry import pushed_model
from millrace.registry.events import CHAMPION
from millrace.registry.registry import Registry
from millrace.registry.version import Version

_WARM_UP = Path("assets.extra") / "tf_serving_warmup_requests"


@dataclass(frozen=True)
class RollBack:
    """What a roll-back did.

    Args:
        before: the champion until then.
        after: the champion from then on.
        load_seconds: from the start of a model server of its own until it had loaded the version.
        requests: how many of the version's own warm-up requests that server answered.
    """

    before: Version
    after: Version
    load_seconds: float
    requests: int


def roll_back(registry: Registry, to: Optional[Version], because: str, section: InfraValidation) -> RollBack:
    """Has the champion be an earlier version, once that has answered in a model server.

    Args:
        registry: of the pipeline.
        to: the version; None for the champion before this one.
        because: why.
        section: how InfraValidator tries a model.

    Raises:
        BadInput: there is nothing to go back to, or the version may not be served, is not whole or has no request to
            try it with; nothing has moved.
        GateRefused: the model server does not load it, or it does not answer; nothing has moved.
        CouldNotJudge: the machine, and not the model, is why it could not be tried; nothing has moved.
    """
    champion = registry.aliases().get(CHAMPION)
    if champion is None:
        raise BadInput(
            f"{registry.model} has no champion to go back from", remedy="millrace models list shows versions"
        )
    target = to or registry.before_champion()
    if target is None:
        raise BadInput(
            f"there is no approved version before {champion.number} to go back to",
            remedy="millrace models list shows versions; --to names one",
        )
    registry.require_may_be(CHAMPION, target)
    lacking = pushed_model.damage(target)
    if lacking:
        raise BadInput(
            f"version {target.number} is not whole: {lacking}",
            where=str(target.folder),
            remedy="put it back as it was, from a backup or with millrace models import; or name another with --to",
        )
    load_seconds, requests = _tried(target, section)
    registry.roll_back(target, because, expected=champion.number)
    return RollBack(champion, registry.version(str(target.number)), load_seconds, requests)


def _tried(version: Version, section: InfraValidation) -> tuple[float, int]:
    """Loads a version in InfraValidator's server and asks it; how long loading took, and how much was answered."""
    from millrace.components.infra_validator.validation import validate

    records = _recorded_examples(version)
    # What answers is good enough to go back to: how fast it does here and now is no reason to stay with a bad one.
    limits = {"platform": "process", "p95_milliseconds": 1e9} | (
        {"platform": section.platform} if section.platform == "tensorflow_model_server" else {}
    )
    with tempfile.TemporaryDirectory(prefix="millrace-rollback-") as scratch:
        report, _ = validate(version.folder, records, section.model_copy(update=limits), Path(scratch, "server.log"))
    if not report.blessed:
        raise GateRefused(
            f"version {version.number} does not answer, and nothing has moved: {report.reason}",
            where=str(version.folder),
            remedy="name another version with --to; millrace models list shows them",
        )
    return report.load_seconds, sum(one.requests for one in report.signatures.values())


def _recorded_examples(version: Version) -> list[bytes]:
    """The examples in a version's own warm-up requests, with which InfraValidator has asked it before it was pushed."""
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    file = version.folder / _WARM_UP
    examples: list[bytes] = []
    for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator() if file.is_file() else ():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        if request.model_spec.signature_name == "serving_default" and len(request.inputs) == 1:
            [tensor] = request.inputs.values()
            examples += [one for one in tf.make_ndarray(tensor).ravel().tolist() if isinstance(one, bytes)]
    if not examples:
        raise BadInput(
            f"version {version.number} has no warm-up request to try it with, and nothing has moved",
            where=str(file),
            remedy=f"millrace models alias champion {version.number} --because WHY moves the alias without trying it",
        )
    return examples
