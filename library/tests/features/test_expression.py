"""Expressions: what is read, what is refused and in which words, and the kinds of values in them."""

import pytest

from millrace.features.expression import columns_of, kind_of, parse, shown

KINDS = {"fare": "number", "miles": "number", "began": "text", "company": "text"}


@pytest.mark.parametrize(
    ("text", "columns", "kind"),
    [
        ("fare / (miles / 3600)", ("fare", "miles"), "number"),
        ("-fare ** 2 % 7 // 2", ("fare",), "number"),
        ("0 < fare <= miles", ("fare", "miles"), "flag"),
        ("company in ('a', 'b') or not fare > 3", ("company", "fare"), "flag"),
        ("company not in ['a']", ("company",), "flag"),
        ("where(fare > 3, company, lower(began))", ("fare", "company", "began"), "text"),
        ("where(fare > 3, fare > 4, 2)", ("fare",), "number"),
        ("coalesce(fare, miles, 0)", ("fare", "miles"), "number"),
        ("hour(began, '%Y-%m-%d %H:%M') + len(company)", ("began", "company"), "number"),
        ("days(fare, 'unix')", ("fare",), "number"),
        ('column("hours per week") + 1', ("hours per week",), "number"),
        ("where(unknown, other, another)", ("unknown", "other", "another"), None),
        ("min(fare, 1, 2) == True", ("fare",), "flag"),
        ("models.own.speed(fare, company, 2) * 2", ("fare", "company"), "number"),
        ("models.own.speed(fare)", ("fare",), None),
    ],
)
def test_what_is_read_and_of_which_kind(text, columns, kind):
    expression = parse(text)
    assert columns_of(expression) == columns
    assert kind_of(expression, KINDS) == kind
    assert parse(shown(expression)) == expression


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fare +", "'fare \\+' is no expression: invalid syntax, at its end"),
        ("fare = 3", "is no expression"),
        ("1 + 2", "'1 \\+ 2' reads no column"),
        ("", "is no expression"),
        ("fare.miles", "fare.miles cannot stand in an expression"),
        ("[x for x in fare]", "cannot stand in an expression"),
        ("fare if miles else 1", "cannot stand in an expression"),
        ("fare @ miles", "cannot stand in an expression"),
        ("fare > 1 && miles > 2", "is no expression.*; write and"),
        ("fare > 1 & miles > 2", "cannot stand in an expression.*; write and"),
        ("fare > 1 || miles > 2", "is no expression.*; write or"),
        ("fare ^ 2", r"cannot stand in an expression.*; write \*\* for a power"),
        ("card = 'Cash & more'", "is no expression.*; write == for equal"),
        ("fare is not null", "is_missing\\(x\\) asks for a value"),
        ("fare <> 2", "is no expression.*; write !="),
        ("fare > 1 ? miles : 2", "is no expression.*; write where"),
        ("1 if fare else miles", "cannot stand in an expression.*; write where"),
        ("fare.log()", r"fare.log\(\) is no function of an expression; write log\(fare\)"),
        ("__import__('os').system('x')", "is no function of an expression"),
        ("logg(fare)", r"logg is no function of an expression; did you mean log\?"),
        ("(fare + 1).log(2)", r"\(fare \+ 1\).log is no function of an expression"),
        ("models.own.speed()", "models.own.speed takes 1 or more arguments, and is given 0"),
        ("log(fare, 2)", "log takes 1 argument, and is given 2"),
        ("where(fare)", "where takes 3 arguments, and is given 1"),
        ("min(fare)", "min takes 2 or more arguments, and is given 1"),
        ("log(x=fare)", "log takes its arguments by place"),
        ("min(*fare, 2)", "min takes its arguments by place"),
        ("column(fare)", "column wants one name in quotes"),
        ("fare in miles", r"in wants a list of values, such as fare in \(1, 2\), not miles"),
        ("fare is None", "compare with =="),
        ("fare + 1e400", "is neither a number nor a text"),
        ("fare + None", "is neither a number nor a text"),
        ("fare + 'a'", r'\+ wants a number, and "a" is a text'),
        ("fare == 'a' + 1", r'\+ wants a number, and "a" is a text'),
        ("hour(began)", "hour takes 2 arguments"),
        ("hour(began, fare)", "hour wants a date's format in quotes"),
        ("hour(began, '%Q')", "%Q is not known in a date's format"),
        ("fare + " * 400 + "1", "has 2000 characters at most"),
        ("(" * 900 + "fare" + ")" * 900, "is no expression|nested too deeply"),
    ],
)
def test_what_is_no_expression_is_refused_in_words(text, words):
    with pytest.raises(ValueError, match=words):
        parse(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fare + company", r"\+ wants a number, and company is a text"),
        ("company > began", "> wants a number, and company is a text"),
        ("company == 3", "company == 3 is of a text and a number"),
        ("fare == 'a'", "is of a text and a number"),
        ("where(company, 1, 2)", "where wants a flag, and company is a text"),
        ("where(fare, company, 2)", "is of a text and a number"),
        ("lower(fare)", "lower wants a text, and fare is a number"),
        ("len(fare > 3)", "len wants a text, and fare > 3 is a flag"),
        ("days(company, 'unix')", "days wants a number for unix, and company is a text"),
        ("not company", "not wants a flag, and company is a text"),
    ],
)
def test_kinds_that_do_not_fit_are_refused_in_words(text, words):
    with pytest.raises(ValueError, match=words):
        kind_of(parse(text), KINDS)
