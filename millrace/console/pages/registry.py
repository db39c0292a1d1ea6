"""The registry: which version each alias names, all versions with their states, and who decided what."""

from dataclasses import dataclass
from typing import Optional

from millrace.config.config import Config
from millrace.config.paths import registry_file
from millrace.console.page import Page, PageRequest, RailEntry, Table
from millrace.project import default_configuration
from millrace.registry.events import Event, VersionState
from millrace.registry.intake import open_registry
from millrace.registry.version import Version

_MOST_EVENTS = 200


@dataclass(frozen=True)
class RegistryView:
    """The registry of a pipeline, as it stands.

    Args:
        champion: the version that answers who asks for no other; None where there is none.
        aliases: the version that each other alias names.
        versions: all of them, the newest first.
        metrics: the names of their metrics that have a threshold.
        events: what happened, the newest first; so many of them.
        total: how many events there are.
        served_file: what servers follow.
        start: the command that takes in what was pushed.
        go_back: the command that goes back to the version before; empty where there is none.
    """

    champion: Optional[Version]
    aliases: dict[str, Version]
    versions: tuple[Version, ...]
    metrics: tuple[str, ...]
    events: tuple[Event, ...]
    total: int
    served_file: str
    start: str
    go_back: str


def view(request: PageRequest) -> RegistryView:
    """How things stand; to look at the page registers nothing, and makes no file."""
    config, option = request.config, default_configuration.option(request.config.file, request.config.environment)
    start = f"millrace models{option}"
    if not registry_file(config).exists():
        return RegistryView(None, {}, (), (), (), 0, "", start, "")
    with open_registry(config) as registry:
        aliases, versions, events = registry.aliases(), registry.versions()[::-1], registry.events()[::-1]
        before = registry.before_champion()
        return RegistryView(
            champion=aliases.pop("champion", None),
            aliases=aliases,
            versions=versions,
            metrics=tuple(dict.fromkeys(name for one in versions for name in one.facts.judged)),
            events=events[:_MOST_EVENTS],
            total=len(events),
            served_file=str(registry.served_file),
            start=start,
            go_back=f"millrace models rollback{option} --because WHY" if before else "",
        )


def champion(config: Config) -> Optional[Version]:
    """The version that is served by the registry's word; None where it names none, or there is no registry yet.

    Args:
        config: the pipeline's configuration.
    """
    if not registry_file(config).exists():
        return None
    with open_registry(config) as registry:
        return registry.aliases().get("champion")


def undecided(config: Config) -> tuple[Version, ...]:
    """The versions after the champion that nobody has approved or rejected, the newest first.

    Args:
        config: the pipeline's configuration.
    """
    if not registry_file(config).exists():
        return ()
    with open_registry(config) as registry:
        served = registry.aliases().get("champion")
        newer = [one for one in registry.versions()[::-1] if served is None or one.number > served.number]
    return tuple(one for one in newer if one.state is VersionState.REGISTERED and one.there and not one.trial)


def _table(shown: RegistryView) -> Table:
    return Table(
        ("version", "state", "aliases", "registered", "run", *shown.metrics),
        [
            (
                one.number, "trial" if one.trial else one.state.value, " ".join(one.aliases), one.registered, one.run,
                *(one.facts.judged.get(name) for name in shown.metrics),
            )
            for one in shown.versions
        ],
    )  # fmt: skip


PAGES = (
    Page(
        address="/registry",
        title="Versions",
        template="pages/registry.html",
        view=view,
        rail=RailEntry("Versions", "v", "versions", "/registry"),
        rows=_table,
    ),
)
