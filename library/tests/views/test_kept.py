"""What pages read is kept by what it was read from, as long as there is room."""

from millrace.views.kept import Kept


def test_what_is_kept_is_made_once_and_the_oldest_makes_room():
    kept, made = Kept[str](2), []

    def value(key: str) -> str:
        return kept.get(key, lambda: made.append(key) or key.upper())

    assert [value(key) for key in "abab"] == ["A", "B", "A", "B"] and made == ["a", "b"]
    assert value("c") == "C" and [value("b"), value("c")] == ["B", "C"]
    assert made == ["a", "b", "c"], "the newest two stay"
    assert value("a") == "A" and made == ["a", "b", "c", "a"]
    kept.clear()
    assert value("a") == "A" and made[-1] == "a" and len(made) == 5
