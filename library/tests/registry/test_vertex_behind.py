"""Whether Vertex AI is behind the registry: by the order of events alone, for each alias by itself."""

from dataclasses import replace

import pytest
from registered_versions import pushed, registry_of

from millrace.base.errors import BadInput
from millrace.registry.vertex import FOLLOWS, is_behind, require_can_follow, roll_back_is_behind


def follow(registry, alias):
    registry.record(FOLLOWS, registry.version("11"), "", {"alias": alias})


def test_after_each_move_it_is_behind_until_it_has_followed_that_one(tmp_path):
    with registry_of(tmp_path) as registry:
        assert not is_behind(registry, "champion") and not is_behind(registry, "candidate")
        registry.take_in([pushed(tmp_path, number) for number in (11, 12)])
        for number in ("11", "12", "11"):
            registry.move("candidate", registry.version(number), "look")
            assert is_behind(registry, "candidate")
            follow(registry, "champion")
            assert is_behind(registry, "candidate"), "another alias has followed"
            follow(registry, "candidate")
            assert not is_behind(registry, "candidate")
        registry.remove("candidate", "seen")
        assert is_behind(registry, "candidate"), "to lose it is a move too"


def test_a_roll_back_is_behind_until_it_was_followed_and_a_move_is_none(tmp_path):
    with registry_of(tmp_path) as registry:
        assert not roll_back_is_behind(registry)
        registry.take_in([pushed(tmp_path, number) for number in (11, 12)])
        assert is_behind(registry, "champion") and not roll_back_is_behind(registry)
        registry.roll_back(registry.version("11"), "slow", expected=12)
        assert roll_back_is_behind(registry)
        follow(registry, "champion")
        assert not roll_back_is_behind(registry)
        registry.roll_back(registry.version("12"), "it was the network", expected=11)
        assert roll_back_is_behind(registry)
        registry.move("champion", registry.version("11"), "no")
        assert is_behind(registry, "champion") and not roll_back_is_behind(registry)


@pytest.mark.parametrize("alias", ["champion", "a1", "a-b", "aB9"])
def test_what_vertex_takes_as_an_alias_is_let_through_for_a_version_that_it_has(tmp_path, alias):
    with registry_of(tmp_path) as registry:
        [version] = registry.take_in([pushed(tmp_path, 11)])
    there = replace(version, facts=replace(version.facts, vertex="projects/p/locations/l/models/1@2"))
    require_can_follow(alias, there)
    with pytest.raises(BadInput, match="was never pushed to Vertex AI"):
        require_can_follow(alias, version)
    for refused in ("", "a", "A1", "a_b", "a.b", "a-", "aB", "1a", alias + "\n"):
        with pytest.raises(BadInput, match="can be no alias in Vertex AI"):
            require_can_follow(refused, there)
