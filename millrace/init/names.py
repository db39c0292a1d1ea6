"""What a column's name gives away: the words that it is made of."""

import re

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_a-zA-Z]+")

ID_WORDS = frozenset(
    [
        "id",
        "ids",
        "uuid",
        "guid",
        "key",
        "index",
        "idx",
        "rowid",
        "rownum",
        "row",
        "nr",
        "serial",
        "pk",
        "identifier",
        "unnamed",
        "record",
    ]
)
CODE_WORDS = frozenset(
    [
        "id",
        "zip",
        "zipcode",
        "postal",
        "postcode",
        "plz",
        "code",
        "area",
        "tract",
        "region",
        "district",
        "store",
        "shop",
        "branch",
        "type",
        "class",
        "category",
        "cluster",
        "group",
        "sku",
        "product",
        "item",
        "user",
        "customer",
        "client",
        "account",
        "vendor",
        "merchant",
        "supplier",
        "department",
        "dept",
        "month",
        "weekday",
        "hour",
        "quarter",
        "station",
        "airport",
        "carrier",
        "county",
        "fips",
        "ward",
        "precinct",
        "channel",
        "segment",
        "model",
        "sector",
    ]
)


def words_of(name: str) -> frozenset[str]:
    """The lower-case words of a name: `tripStart_hour` has `trip`, `start` and `hour`."""
    return frozenset(word.lower() for word in _WORD.findall(name))
