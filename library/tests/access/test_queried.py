"""The datasets that a query reads: however its tables are spelled, and nothing that only looks like one."""

import pytest

from millrace.access.queried import asks_elsewhere, datasets, makes_queries

TAXI = [("my-lake", "taxi")]


@pytest.mark.parametrize(
    ("query", "read"),
    [
        ("SELECT * FROM `my-lake.taxi.trips`", TAXI),
        ("select * from my-lake.taxi.trips where fare > 0", TAXI),
        ("SELECT * FROM `my-lake`.`taxi`.`trips`", TAXI),
        ("SELECT * FROM `my-lake`.taxi.trips AS t, t.stops, `my-lake.taxi`.trips", TAXI),
        ("SELECT * FROM my_lake.taxi.trips", [("my_lake", "taxi")]),
        ("SELECT * FROM `example.com:lake.taxi.trips_*`", [("example.com:lake", "taxi")]),
        # Without a project it is that of the query.
        ("SELECT * FROM taxi.trips JOIN `weather.days` USING (day)", [("", "taxi"), ("", "weather")]),
        ("SELECT * FROM taxi.INFORMATION_SCHEMA.TABLES, `region-us`.INFORMATION_SCHEMA.JOBS", [("", "taxi")]),
        ("SELECT * FROM p.a.t LEFT JOIN p.b.u ON t.x.y = u.x.y, p.c.v", [("p", "a"), ("p", "b"), ("p", "c")]),
        ("SELECT t.x.y, (SELECT MAX(z) FROM p.a.t) FROM (SELECT * FROM p.b.u)", [("p", "a"), ("p", "b")]),
        ("SELECT * FROM (p.a.t JOIN p.b.u USING (x)), UNNEST([1]) AS n, p.c.v", [("p", "a"), ("p", "b"), ("p", "c")]),
        ("WITH w AS (SELECT * FROM p.a.t) SELECT * FROM w, w.stops", [("p", "a")]),
        ("FROM p.a.t |> WHERE t.x.y > 3", [("p", "a")]),
        ("SELECT `p.a.cleaned`(fare) FROM w", [("p", "a")]),
        # An array of a row, before its table is named.
        ("SELECT (SELECT COUNT(*) FROM t.stops) AS c FROM p.a.t AS t", [("p", "a")]),
        ("SELECT ARRAY(SELECT x FROM t.stops) FROM p.a.trips t, p.b.u", [("p", "a"), ("p", "b")]),
        (
            "SELECT * FROM (SELECT * FROM taxi.trips AS taxi) JOIN weather.days taxi2 USING (day)",
            [("", "taxi"), ("", "weather")],
        ),
        ("SELECT * FROM taxi.trips taxi", [("", "taxi")]),
        # Models, tables and queries that are arguments, and routines.
        ("SELECT * FROM ML.PREDICT(MODEL p.m.tips, (SELECT * FROM p.a.t))", [("p", "m"), ("p", "a")]),
        ("SELECT * FROM ml.predict(MODEL `p.m.tips`, TABLE p.a.t) AS x, p.c.v", [("p", "m"), ("p", "a"), ("p", "c")]),
        ("SELECT * FROM AI.FORECAST(TABLE taxi.trips, data_col => 'fare')", [("", "taxi")]),
        ("SELECT * FROM APPENDS(TABLE p.a.t, NULL, NULL) JOIN p.b.u USING (x)", [("p", "a"), ("p", "b")]),
        ("SELECT * FROM p.a.recent(7) AS r, r.stops", [("p", "a")]),
        (
            "SELECT p.a.cleaned(fare), taxi.rounded(tips), NET.HOST(url), SAFE.PARSE_DATE('%F', day) FROM p.b.u",
            [("p", "a"), ("", "taxi"), ("p", "b")],
        ),
        ("SELECT model, table FROM p.a.t AS model WHERE model.x.y > 0", [("p", "a")]),
        # What is said of a table, a text, a comment.
        ("SELECT EXTRACT(DAY FROM x.y.z), 'FROM q.r.s' -- FROM q.r.s\n/* JOIN q.r.s */ FROM p.a.t", [("p", "a")]),
        ("SELECT * FROM p.a.t WHERE t.x.y IS DISTINCT FROM u.v.w", [("p", "a")]),
        ("SELECT EXTRACT(YEAR FROM taxi) FROM taxi.trips", [("", "taxi")]),
        # A table of its own knows no alias of what is around it.
        ("SELECT * FROM (SELECT a FROM taxi.trips WHERE x) AS taxi", [("", "taxi")]),
        ("SELECT * FROM (SELECT a FROM taxi.trips) taxi JOIN other.t USING (a)", [("", "taxi"), ("", "other")]),
        ("WITH x AS (SELECT * FROM sales.orders) SELECT * FROM x AS sales", [("", "sales")]),
        ("SELECT * FROM p.a.t AS sales JOIN (SELECT * FROM sales.orders) USING (x)", [("p", "a"), ("", "sales")]),
        ("SELECT (SELECT COUNT(*) FROM (SELECT 1) AS u, t.stops) FROM p.a.t AS t", [("p", "a")]),
        ("SELECT * FROM GRAPH_TABLE(p.d.g MATCH (a) RETURN a.x) JOIN p.e.t USING (x)", [("p", "d"), ("p", "e")]),
        # What is not closed goes on to its end, and is looked at once.
        ("SELECT * FROM p.a.t WHERE x = 'never closed FROM q.r.s", [("p", "a")]),
        ("SELECT * FROM p.a.t /* FROM q.r.s", [("p", "a")]),
        ('''SELECT * FROM p.a.t WHERE x = """FROM q.r.s''', [("p", "a")]),
        ("SELECT 1", []),
        ("SELECT * FROM UNNEST([1, 2]))", []),
    ],
)
def test_the_datasets_of_a_query(query: str, read: list[tuple[str, str]]) -> None:
    assert datasets(query) == read


@pytest.mark.parametrize(
    ("query", "elsewhere", "made"),
    [
        ("SELECT * FROM EXTERNAL_QUERY('p.us.c', 'SELECT 1')", True, False),
        ("SELECT * FROM `EXTERNAL_QUERY`('p.us.c', 'SELECT 1')", True, False),
        ("SELECT AI.GENERATE('x', connection_id => 'us.c').result FROM p.d.t", True, False),
        ("SELECT * FROM p.d.t; EXECUTE IMMEDIATE 'SELECT * FROM q.e.u'", False, True),
        ("SELECT 'EXECUTE IMMEDIATE', 'EXTERNAL_QUERY(' FROM p.d.t -- connection_id => x", False, False),
    ],
)
def test_what_another_answers_and_what_is_made_as_it_runs_is_known(query: str, elsewhere: bool, made: bool) -> None:
    assert (asks_elsewhere(query), makes_queries(query)) == (elsewhere, made)
