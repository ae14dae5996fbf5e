import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs2od.onedata import qos
from fs2od.onedata.errors import ServiceError
from fs2od.onedata.qos import AnyStorage, Combination, Condition, Expression

edge = st.sampled_from("abXZ09_.\u00a0\u00e9\u1fff")
inside = st.text(edge | st.sampled_from(" -"), max_size=6)
keys = st.builds(lambda first, middle, last: first + middle + last, edge, inside, edge).filter(
    lambda k: k != "anyStorage"
)
words = keys.filter(lambda text: qos._number(text) is None)
numbers = st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False)
conditions = st.one_of(
    st.just(AnyStorage()),
    st.builds(Condition, keys, st.just("="), words | numbers),
    st.builds(Condition, keys, st.sampled_from(["<", "<=", ">", ">="]), numbers),
)
expressions = st.recursive(
    conditions, lambda inner: st.builds(Combination, inner, st.sampled_from(["&", "|", "\\"]), inner), max_leaves=12
)
storages = st.dictionaries(keys, words | numbers, max_size=4)


@given(expressions)
def test_an_expression_survives_its_printed_form(expression: Expression) -> None:
    assert qos.parse(qos.print_expression(expression)) == expression


@given(expressions, expressions, storages)
def test_the_operators_are_those_of_sets(left: Expression, right: Expression, storage: dict[str, str | float]) -> None:
    one, other = qos.matches(left, storage), qos.matches(right, storage)
    assert qos.matches(Combination(left, "&", right), storage) == (one and other)
    assert qos.matches(Combination(left, "|", right), storage) == (one or other)
    assert qos.matches(Combination(left, "\\", right), storage) == (one and not other)


@given(st.lists(st.sampled_from([*'ab=<>&|\\()"1.- \n\u00e9', "anyStorage", "a=b"]), max_size=40).map("".join))
def test_any_text_is_read_or_refused_with_a_reason(text: str) -> None:
    try:
        printed = qos.print_expression(qos.parse(text))
    except ServiceError as error:
        refused = error
    else:
        assert qos.print_expression(qos.parse(printed)) == printed
        return
    assert refused.error_id == "invalidQosExpression"
    assert refused.details["reason"]


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("anyStorage", "anyStorage"),
        (" anyStorage\n", "anyStorage"),
        ("(anyStorage)", "anyStorage"),
        ("geo=PL & type=disk", "geo=PL&type=disk"),
        ("a=1 & b=2 | c=3", "(a=1&b=2)|c=3"),
        ("a=1 | b=2 & c=3", "(a=1|b=2)&c=3"),
        ("anyStorage \\ type=disk", "anyStorage\\type=disk"),
        ("geo=FR | (geo=PL & type=disk)", "geo=FR|(geo=PL&type=disk)"),
        ('"geo" = "PL"', "geo=PL"),
        ("timeout < 8", "timeout<8"),
        ("my key = some-text value", "my key=some-text value"),
        ("speed>=1.50", "speed>=1.5"),
        ("x=-3", "x=-3"),
        ("code=007", "code=007"),
    ],
)
def test_documented_expressions_are_read_from_left_to_right(text: str, printed: str) -> None:
    assert qos.print_expression(qos.parse(text)) == printed


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        '""',
        "anyStorag",
        "geo",
        "geo=",
        "=PL",
        "geo==PL",
        "geo<PL",
        "geo!=PL",
        "8<timeout",
        "(geo=PL",
        "geo=PL)",
        "geo=PL type=disk",
        "geo=PL & ",
        "& geo=PL",
        "geo=PL && type=disk",
        "anyStorage=",
        "-a=1",
        "a=b-",
        "a=b\u2000",
        "a=b@c",
        "()",
        "(" * 200 + "anyStorage" + ")" * 200,
        "&".join(["anyStorage"] * 300),
        "a=" + "b" * 5000,
    ],
)
def test_bad_text_is_refused_with_a_reason(text: str) -> None:
    if text == "8<timeout":
        # A key may begin with a digit, but there must be a number on the right.
        assert qos.print_expression(qos.parse("8<9")) == "8<9"
    with pytest.raises(ServiceError) as caught:
        qos.parse(text)
    assert (caught.value.error_id, caught.value.status) == ("invalidQosExpression", 400)
    assert isinstance(caught.value.details["reason"], str)


STORAGE: dict[str, str | float] = {"geo": "PL", "type": "disk", "timeout": 7, "tier": "1", "storageId": "s1"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("anyStorage", True),
        ("geo=PL", True),
        ("geo=FR", False),
        ("missing=PL", False),
        ("missing<5", False),
        ("anyStorage \\ missing=PL", True),
        ("storageId=s1", True),
        ("timeout=7", True),
        ("timeout<7", False),
        ("timeout<=7", True),
        ("timeout>6.5", True),
        ("timeout>=8", False),
        ("tier=1", True),
        ("tier=1.0", True),
        ("tier<5", True),
        ("tier<=0.5", False),
        ("tier>1", False),
        ("tier>=1", True),
        ("geo>0", False),
        ("geo<=0", False),
        ("geo=FR | geo=PL & type=disk", True),
        ("geo=PL | type=disk \\ timeout=7", False),
        ("geo=PL | (type=disk \\ timeout=7)", True),
    ],
)
def test_storages_match_by_their_parameters(text: str, *, expected: bool) -> None:
    assert qos.matches(qos.parse(text), STORAGE) == expected


def test_the_longest_expression_that_is_read_is_also_printed_and_matched() -> None:
    text = "&".join(["anyStorage"] * 129)
    expression = qos.parse(text)
    assert qos.matches(expression, {})
    assert qos.print_expression(expression).count("anyStorage") == 129
