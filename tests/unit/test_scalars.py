"""Values of plain scalars of YAML: the core schema of YAML 1.2, not of 1.1."""

from __future__ import annotations

import math

import pytest

from stepwell.source.scalars import Scalar, number_fits, resolve, typed

TEXT = (
    "yes¦no¦on¦off¦y¦n¦Yes¦NO¦nUll¦tRUE¦None¦nil¦NaN¦nan¦inf¦.infinity¦12:30:00¦190:20:30¦2027-06-30¦"
    "2027-06-30T07:32:00Z¦1_000¦0b101¦0o8¦0o¦0x¦0xG¦0X1F¦0O17¦-0x1¦+0o7¦1e¦1e+¦e5¦.¦-¦+¦--1¦+-1¦1.2.3¦"
    "1,5¦1 2¦=¦<<¦..5¦1.e¦.e5¦-.¦\u0661\u0662¦\uff11¦²¦1\u0663¦~a¦nulls¦0.0.1¦v1.4¦1.4-rc¦08x¦.nAn¦"
    "-.nan"
)
VALUES: list[tuple[str, Scalar]] = [
    *[(word, None) for word in ("", "~", "null", "Null", "NULL")],
    *[(word, True) for word in ("true", "True", "TRUE")],
    *[(word, False) for word in ("false", "False", "FALSE")],
    *[
        ("0", 0),
        ("-0", 0),
        ("+7", 7),
        ("-7", -7),
        ("012", 12),
        ("00", 0),
        ("08", 8),
        ("0o17", 15),
        ("0x1F", 31),
    ],
    *[("0xdeadBEEF", 0xDEADBEEF), ("1000", 1000), ("0" * 30, 0), ("-" + "0" * 30, 0)],
    *[
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("0x7fffffffffffffff", 2**63 - 1),
    ],
    *[("1.5", 1.5), ("1.", 1.0), (".5", 0.5), ("-.5", -0.5), ("+.5", 0.5), ("1e3", 1000.0), ("1E-3", 0.001)],
    *[("1.e3", 1000.0), ("01.5", 1.5), ("0.0", 0.0), ("6.02e+23", 6.02e23), ("1e-999", 0.0), ("0e999", 0.0)],
]
TOO_LARGE = [
    *[
        "9223372036854775808",
        "-9223372036854775809",
        "9" * 25,
        "9" * 5000,
        "-" + "9" * 5000,
        "0x8000000000000000",
    ],
    *[
        "0x" + "f" * 40,
        "0o" + "7" * 40,
        "1e309",
        "-1e309",
        "1e99999",
        ".inf",
        "-.inf",
        "+.INF",
        ".nan",
        ".NaN",
        ".NAN",
    ],
    *["1" + "0" * 400 + ".5", "0" * 30 + "9" * 20],
]


@pytest.mark.parametrize("token", TEXT.split("¦"))
def test_it_is_text(token: str) -> None:
    assert resolve(token) == token


@pytest.mark.parametrize(("token", "value"), VALUES)
def test_it_is_a_value(token: str, value: Scalar) -> None:
    got = resolve(token)
    assert (type(got), got) == (type(value), value)


def test_a_negative_zero_keeps_its_sign() -> None:
    got = resolve("-0.0")
    assert isinstance(got, float)
    assert math.copysign(1, got) == -1


@pytest.mark.parametrize("token", TOO_LARGE, ids=lambda token: token[:24])
def test_it_is_a_number_that_json_cannot_carry(token: str) -> None:
    with pytest.raises(OverflowError):
        resolve(token)


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        (0, True),
        (2**63 - 1, True),
        (2**63, False),
        (-(2**63), True),
        (1.5, True),
        (math.inf, False),
        (math.nan, False),
    ],
)
def test_a_number_fits_or_does_not(value: float, fits: bool) -> None:
    assert number_fits(value) is fits


@pytest.mark.parametrize(
    ("text", "like", "value"),
    [
        ("1.10", "1.9", "1.10"),
        ("123e4567", "abcdef", "123e4567"),
        ("null", "none", "null"),
        ("true", "no", "true"),
        ("4", 3, 4),
        ("4", 0.5, 4),
        ("1e3", 0.5, 1000.0),
        ("false", True, False),
        ("[1, 2]", (), [1, 2]),
        ('{"a": 1}', {}, {"a": 1}),
        ("4", None, 4),
        ("0.5", None, 0.5),
        ("true", None, True),
        ("1.10", None, "1.10"),
        ("1e3", None, "1e3"),
        ("012", None, "012"),
        ("null", None, "null"),
        ("", None, ""),
        ("99999999999999999999", None, "99999999999999999999"),
        ("[1, 2]", None, [1, 2]),
        ("[1, 2", None, "[1, 2"),
    ],
)
def test_a_default_decides_the_type_of_a_typed_value(text: str, like: object, value: object) -> None:
    made = typed(text, like)
    assert (made, type(made)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "like", "message"),
    [
        ("abc", 3, "must be a whole number"),
        ("1.5", 3, "must be a whole number"),
        ("true", 3, "must be a whole number"),
        ("abc", 0.5, "must be a number"),
        ("1", True, "must be true or false"),
        ("1", (), "must be a list as JSON"),
        ("[1]", {}, "must be a mapping as JSON"),
    ],
)
def test_a_value_of_another_type_than_its_default_is_rejected(text: str, like: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        typed(text, like)
