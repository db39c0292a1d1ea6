"""What a column's name says it is, read as an English noun phrase: the head word decides, and not any word in it.

`store_id` is an id, `store_sales` are sales; of `hours_per_week` the head is `hours`, of `type_of_loan` it is `type`.
"""

import re
from dataclasses import dataclass

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_a-zA-Z]+")
_PREPOSITIONS = frozenset("of per in at by for from to with on since until".split())  # noqa: SIM905 (a table)

KEY_HEADS = frozenset("id ids uuid guid key pk index idx rowid rownum row rownames serial identifier nr no".split())  # noqa: SIM905
"""What numbers a thing."""
CODE_HEADS = frozenset(
    """
    id zip zipcode zipcodes postal postcode plz code codes tract region district type class category cat cluster group
    sku department dept division sector ward precinct channel segment county fips state country city province station
    airport airline carrier store shop branch product item user customer client account vendor merchant supplier seller
    agent driver doctor model brand make status kind zone route terminal gate cohort occupation industry nationality
    label flag mode area location
    """.split()  # noqa: SIM905
)
"""What is one of several, when it is written as a number."""
_OWNERS_OF_ROWS = frozenset(
    """
    user customer client patient member employee driver account vendor merchant household subject participant student
    person passenger visitor player subscriber device machine
    """.split()  # noqa: SIM905
)
"""What a table often has several rows of, which belong together."""
_MEASURED = frozenset(["area", "location", "model", "mode", "class", "make"])
"""Of these, what is a measure as often: `living_area`. Such numbers are codes only where the data looks like it too."""
_COUNTING = frozenset("num n nb no number count cnt total sum avg mean max min".split())  # noqa: SIM905 (a table)
_AMOUNTS = frozenset(
    """
    count counts cnt qty quantity number num age tenure score total sum children people amount amt price cost value rate
    ratio income salary wage revenue balance size length width height weight depth distance duration percent pct share
    speed temperature temp pressure volume dose
    """.split()  # noqa: SIM905
)
_PARTICIPLES = frozenset("sold paid made lost won bought spent seen taken given left built".split())  # noqa: SIM905
"""What says of the noun before it what happened to it: `items_sold`; also what ends with `ed`."""
_NOT_PLURAL = re.compile(r"(?:ss|us|is|as|os)$")

CALENDAR = {
    "month": ((1, 12), (0, 11)), "mon": ((1, 12),), "mnth": ((1, 12),), "quarter": ((1, 4),), "qtr": ((1, 4),),
    "weekday": ((0, 6), (1, 7)), "dow": ((0, 6), (1, 7)), "dayofweek": ((0, 6), (1, 7)), "season": ((1, 4), (0, 3)),
    "hour": ((0, 23), (1, 24)), "hr": ((0, 23), (1, 24)), "minute": ((0, 59),), "day": ((0, 6), (1, 7), (1, 31)),
    "week": ((1, 53), (0, 53)),
}  # fmt: skip
"""Heads that name a part of the calendar or the clock, and from where to where it may go."""
_YEARS = frozenset(["year", "yr", "years"])
_OWNERS = re.compile("(?:customer|user|product|store|item|order|row|account|client|cust|emp|employee|member|patient)id")


@dataclass(frozen=True)
class Phrase:
    """A name as a noun phrase.

    Attributes:
        words: its words, in lower case: `tripStart_hour` has `trip`, `start` and `hour`.
        head: the noun that the others describe; empty where the name has no letters.
    """

    words: tuple[str, ...]
    head: str

    @property
    def is_key(self) -> bool:
        """Whether it is what numbers things, such as `order_id`; `no` only behind another word."""
        alone = self.words == ("no",)
        return (self.head in KEY_HEADS and not alone) or self._numbers_things or bool(_OWNERS.fullmatch(self.head))

    @property
    def is_owner(self) -> bool:
        """Whether it names somebody or something of which a table has several rows: `user`."""
        return self.head in _OWNERS_OF_ROWS

    @property
    def is_code(self) -> bool:
        """Whether it is one of several."""
        return self.head in CODE_HEADS

    @property
    def is_code_or_measure(self) -> bool:
        """Whether such a word is a measure as often."""
        return self.head in _MEASURED

    @property
    def is_amount(self) -> bool:
        """Whether it counts or measures something: `num_rooms`, `visits`, `number_of_rooms`, `age`."""
        counted = len(self.words) > 1 and self.words[0] in _COUNTING and not self.is_key
        plural = len(self.head) > 3 and self.head.endswith("s") and not _NOT_PLURAL.search(self.head)
        return counted or self.head in _AMOUNTS or (plural and not self.is_key and not self.is_code)

    @property
    def is_year(self) -> bool:
        """Whether it is a year."""
        return self.head in _YEARS

    @property
    def _numbers_things(self) -> bool:
        """`invoice_number`, but not `number_of_rooms`."""
        return self.head in ("number", "num") and len(self.words) > 1 and self.words[-1] == self.head


def phrase_of(name: str) -> Phrase:
    """Reads a name."""
    words = words_of(name)
    spoken = [word for word in words if not word.isdigit()]
    noun = next((spoken[:place] for place, word in enumerate(spoken) if place and word in _PREPOSITIONS), spoken)
    if len(noun) > 1 and (noun[-1] in _PARTICIPLES or noun[-1].endswith("ed")):
        noun = noun[:-1]
    return Phrase(tuple(words), noun[-1] if noun else "")


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name in lower case, in their order."""
    return tuple(word.lower() for word in _WORD.findall(name))
