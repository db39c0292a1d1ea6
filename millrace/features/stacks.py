"""Like columns that travel as one: a wide table's thousand counts are one tensor and one lookup, not a thousand.

What a feature is in the configuration does not change by it. From `STACKED_FROM` columns of the same kind with the same
settings on, these are a stack, which has one key after Transform, [n, columns]. Fewer keep a key each, [n].
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from millrace.features.description import Bag, Bucketized, Categorical, Crossed, Feature, FeatureTable, Hashed, Numeric
from millrace.features.keys import missing_key, place_key, transformed_key, weights_key

STACKED_FROM = 24
"""Columns alike from which on they share a key: below, a key each is worth more than the operations that it costs."""

_STACKABLE = (Numeric, Bucketized, Categorical, Hashed)


@dataclass(frozen=True)
class Stack:
    """Columns whose features are alike, in the table's order; often it is only one.

    Attributes:
        names: the columns.
        feature: what each of them is.
        name: of the stack; of one column the column's.
    """

    names: tuple[str, ...]
    feature: Feature
    name: str

    @property
    def shared(self) -> bool:
        """Whether several columns share its keys."""
        return len(self.names) > 1

    @property
    def key(self) -> str:
        """Of what Transform makes of it; float32 or int64, [n], or [n, columns] where it is shared."""
        return f"{self.name}_columns" if self.shared else transformed_key(self.name)

    @property
    def place_key(self) -> str:
        """Of a number's place among the training data, 0 to 1."""
        return f"{self.name}_place_columns" if self.shared else place_key(self.name)

    @property
    def missing_key(self) -> str:
        """Of what says whether a number was missing."""
        return f"{self.name}_missing_columns" if self.shared else missing_key(self.name)


def stacks(table: FeatureTable) -> tuple[Stack, ...]:
    """The features of a table as stacks, the crossed ones last; parts of a crossed feature are on their own.

    Args:
        table: the features.

    Returns:
        Each feature in exactly one stack.
    """
    crossed = {name: feature for name, feature in table.features.items() if isinstance(feature, Crossed)}
    parts = {part for feature in crossed.values() for part in feature.of}
    alike: dict[str, list[str]] = {}
    for name, feature in table.features.items():
        if name not in crossed:
            alone = name in parts or not isinstance(feature, _STACKABLE)
            settings = feature.model_dump_json(exclude={"expression"})  # where the value comes from makes no difference
            alike.setdefault(f"={name}" if alone else settings, []).append(name)
    groups = [*_split(alike.values()), *([name] for name in crossed)]
    return tuple(_named(groups, table.features))


def transformed_keys(table: FeatureTable) -> frozenset[str]:
    """The keys of all that Transform makes of a table's features."""
    keys: set[str] = set()
    for stack in stacks(table):
        keys.add(stack.key)
        if isinstance(stack.feature, Numeric):
            keys |= {stack.place_key, stack.missing_key}
        elif isinstance(stack.feature, Bag):
            keys.add(weights_key(stack.name))
    return frozenset(keys)


def _split(groups: Iterable[list[str]]) -> list[list[str]]:
    """The groups that are large enough, and the columns of the others one by one."""
    split: list[list[str]] = []
    for group in groups:
        split.extend([group] if len(group) >= STACKED_FROM else ([name] for name in group))
    return split


def _named(groups: Iterable[list[str]], features: Mapping[str, Feature]) -> Iterable[Stack]:
    shared = 0
    for names in groups:
        feature = features[names[0]]
        shared += len(names) > 1
        yield Stack(tuple(names), feature, f"{feature.kind}_{shared}" if len(names) > 1 else names[0])
