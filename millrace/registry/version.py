"""A version: a pushed model with what is known of it, and its state."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Optional

from pydantic import TypeAdapter

from millrace.registry.events import VersionState


@dataclass(frozen=True)
class Signature:
    """A named function of the SavedModel.

    Args:
        inputs: type and shape by name, as `string[?]` or `float64[?,3]`.
        outputs: the same.
    """

    inputs: dict[str, str]
    outputs: dict[str, str]


@dataclass(frozen=True)
class VersionFacts:
    """What is known of a version when it is registered; it never changes.

    Args:
        folder: the pushed SavedModel's; below the root it is written with `{root}` in the root's place.
        trial: whether it lies beside what is served, where trials are pushed to.
        artifact: the id in ML Metadata of the artifact that was pushed; 0 for an imported one.
        checksum: SHA-256 of `files`.
        files: SHA-256 of each file by its path within the folder.
        bytes: of all of them.
        signatures: of the SavedModel, by name.
        schema_digest: of the curated schema's file; empty where there was none.
        span: of the data; None where it has none.
        fingerprint: of the data's files, as TFX writes it.
        commit: of the code; empty where git knew none.
        gate_report: the folder of the Evaluator's report; empty where there was none.
        metrics: on the whole of the judging split, by TFMA's names.
        judged: those of them that have a threshold, by the configuration's names.
        verdicts: of the judges: whether each blessed it.
        vertex: the resource name of the version in Vertex AI's registry; empty where it was not pushed there.
        imported_from: where an imported one was exported, a root; empty for one that was pushed here.
    """

    folder: str
    trial: bool = False
    artifact: int = 0
    checksum: str = ""
    files: dict[str, str] = field(default_factory=dict)
    bytes: int = 0
    signatures: dict[str, Signature] = field(default_factory=dict)
    schema_digest: str = ""
    span: Optional[int] = None
    fingerprint: str = ""
    commit: str = ""
    gate_report: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    judged: dict[str, float] = field(default_factory=dict)
    verdicts: dict[str, bool] = field(default_factory=dict)
    vertex: str = ""
    imported_from: str = ""

    @property
    def model_files(self) -> frozenset[tuple[str, str]]:
        """The files that make the model what it is: two pushes of one model differ in `assets.extra` alone.

        There lie the warm-up requests, and what the push says of itself.
        """
        return frozenset(pair for pair in self.files.items() if not pair[0].startswith("assets.extra/"))

    def to_details(self) -> dict[str, Any]:
        """As an event keeps it."""
        return asdict(self)


@dataclass(frozen=True)
class Version:
    """A version as it stands now.

    Args:
        model: the pipeline's name, by which a server knows the model.
        number: the name of its folder, as servers number it.
        folder: where the SavedModel lies.
        state: whether it may be served.
        aliases: those that name it.
        run: the id of the run that pushed it; empty for an imported one.
        registered: when, ISO 8601 in UTC.
        facts: what was known of it then.
    """

    model: str
    number: int
    folder: Path
    state: VersionState
    aliases: tuple[str, ...]
    run: str
    registered: str
    facts: VersionFacts

    @property
    def there(self) -> bool:
        """Whether its SavedModel lies there; whether it is whole, `pushed_model.damage` tells."""
        return (self.folder / "saved_model.pb").is_file()

    @property
    def trial(self) -> bool:
        """Whether it is a trial's, which no server looks at."""
        return self.facts.trial

    @property
    def checksum(self) -> str:
        """SHA-256 of its files."""
        return self.facts.checksum

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """Of the SavedModel, by name."""
        return self.facts.signatures

    @property
    def schema_digest(self) -> str:
        """Of the curated schema's file."""
        return self.facts.schema_digest

    @property
    def span(self) -> Optional[int]:
        """Of the data that it learned from."""
        return self.facts.span

    @property
    def artifact(self) -> int:
        """The id of the pushed model in ML Metadata; 0 for an imported one."""
        return self.facts.artifact


@lru_cache(maxsize=1000)
def facts_of(details: str) -> VersionFacts:
    """What an event keeps of a version; of a wide model that is some hundred KiB, and is read once.

    Args:
        details: the event's, as JSON; what a later Millrace has added is passed over.
    """
    return _reader().validate_json(details)


@cache
def _reader() -> TypeAdapter[VersionFacts]:
    return TypeAdapter(VersionFacts)
