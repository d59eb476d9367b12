"""Conditions on fields: how they are read, what they mean, and what they refuse."""

from __future__ import annotations

import json
import string
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aesearch.cli.asked import all_of
from aesearch.errors import ParameterError
from aesearch.search.where import DEEPEST, LONGEST, Several, Where, as_written
from aesearch.sources.values import fold
from aesearch.storage.database import Store
from aesearch.storage.fields import Comparison, Fields, as_date, as_number, values_in
from aesearch.storage.schema import NewItem

ROWS: dict[str, dict[str, Any]] = {
    "a/old.jpg": {"year": "1650", "place": "Augsburg", "Date of gift": "1901-03-12"},
    "a/new.jpg": {"year": "1700", "place": "New York", "Date of gift": "1901-04"},
    "b/none.jpg": {"place": "Ulm"},
    "b/word.jpg": {"year": "about 1700", "place": "ulm", "inv_no": "007"},
    "plain.jpg": {"year": 1700.0, "inv_no": "7", "tags": ["Map", "Town plan"]},
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "items.db", create=True)) as made:
        yield made


def filled(store: Store, rows: dict[str, dict[str, Any]]) -> Fields:
    """Fields of items by key."""
    fields = Fields(store, exif=False, dated=True, labelled=False)
    items = [NewItem(key, 100 * n, n * 10**18, b"%16d" % n) for n, key in enumerate(rows, 1)]
    with store.transaction():
        ids = store.put(items, np.ones((len(items), 2), np.float32))
        said = [json.dumps(row) if row else "" for row in rows.values()]
        fields.put_columns(dict(zip(ids.tolist(), said, strict=True)))
    return fields


def met(store: Store, fields: Fields, text: str) -> list[str]:
    """The keys of the items that meet a condition."""
    return list(store.keys_of(fields.meeting(Where.of(text).met)).values())


# -- what they mean --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("year < 1700 and place = Augsburg", ["a/old.jpg"]),
        ("year = 1700", ["a/new.jpg", "plain.jpg"]),
        ("year == 1.7e3", ["a/new.jpg", "plain.jpg"]),
        ("year != 1700", ["a/old.jpg", "b/word.jpg"]),
        ("year <> 1700", ["a/old.jpg", "b/word.jpg"]),
        ("not year = 1700", ["a/old.jpg", "b/word.jpg"]),
        ("year >= 1650", ["a/old.jpg", "a/new.jpg", "plain.jpg"]),
        ("not year >= 1700", ["a/old.jpg"]),
        ("place = ULM", ["b/none.jpg", "b/word.jpg"]),
        ("place in (ulm, 'new york')", ["a/new.jpg", "b/none.jpg", "b/word.jpg"]),
        ("place not in (ulm, 'new york')", ["a/old.jpg"]),
        ("not place in (ulm)", ["a/old.jpg", "a/new.jpg"]),
        ("place like *burg", ["a/old.jpg"]),
        ("place like 'new%'", ["a/new.jpg"]),
        ("place like U?m", ["b/none.jpg", "b/word.jpg"]),
        ("place not like u*", ["a/old.jpg", "a/new.jpg"]),
        ("place < b", ["a/old.jpg"]),
        ('"Date of gift" = 1901-03', ["a/old.jpg"]),
        ('"Date of gift" = 1901', ["a/old.jpg", "a/new.jpg"]),
        ('"Date of gift" > 1901-03-11T12:00', ["a/old.jpg", "a/new.jpg"]),
        ('"Date of gift" <= 1901-03', ["a/old.jpg"]),
        ("'Date of gift' < '1901-04'", ["a/old.jpg"]),
        ("inv_no = 7", ["b/word.jpg", "plain.jpg"]),
        ("inv_no = '7'", ["plain.jpg"]),
        ("inv_no in ('007')", ["b/word.jpg"]),
        ("tags = map", ["plain.jpg"]),
        ("tags = 'town plan' or place = ulm", ["b/none.jpg", "b/word.jpg", "plain.jpg"]),
        ("tags != map", []),
        ("place = ulm or year = 1700 and inv_no = 7", ["b/none.jpg", "b/word.jpg", "plain.jpg"]),
        ("(place = ulm or year = 1700) and inv_no = 7", ["b/word.jpg", "plain.jpg"]),
        ("not (place = ulm or year = 1700)", ["a/old.jpg"]),
        ("NOT NOT year = 1650", ["a/old.jpg"]),
        ("label = A", ["a/old.jpg", "a/new.jpg"]),
        ("label != a", ["b/none.jpg", "b/word.jpg"]),
        ("path = plain.jpg", ["plain.jpg"]),
        ("path like b/*", ["b/none.jpg", "b/word.jpg"]),
        ("not path like b/*", ["a/old.jpg", "a/new.jpg", "plain.jpg"]),
        ("path = PLAIN.JPG", []),
        ("size > 300", ["b/word.jpg", "plain.jpg"]),
        ("size <= 0.1k", ["a/old.jpg"]),
        ("not size = 100", ["a/new.jpg", "b/none.jpg", "b/word.jpg", "plain.jpg"]),
        ("date = 2001", ["a/old.jpg"]),
        ("date >= 2096-10-02", ["b/word.jpg", "plain.jpg"]),
        ("YEAR = 1650", ["a/old.jpg"]),
    ],
)
def test_what_is_met(store: Store, text: str, keys: list[str]) -> None:
    assert met(store, filled(store, ROWS), text) == keys


def test_a_missing_value_meets_nothing_and_an_or_needs_one_alone(store: Store) -> None:
    fields = filled(store, ROWS)
    assert met(store, fields, "year = 1 or not year = 1") == [
        "a/old.jpg",
        "a/new.jpg",
        "b/word.jpg",
        "plain.jpg",
    ]
    assert met(store, fields, "year = 1700 or place = ulm")[1] == "b/none.jpg"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("year", "year"),
        ("exif.date", "exif.date"),
        ("\U0001f600", "\U0001f600"),
        ("Date of gift", '"Date of gift"'),
        ('na"me', '"na""me"'),
        ("'q", '"\'q"'),
        ("And", '"And"'),
        ("a=b", '"a=b"'),
        ("(c)", '"(c)"'),
        (" d", '" d"'),
    ],
)
def test_a_name_is_told_as_it_is_asked_for(store: Store, name: str, written: str) -> None:
    assert as_written(name) == written
    fields = filled(store, {"one": {name: "x"}, "two": {name: "y"}})
    assert met(store, fields, f"{written} = x") == ["one"]


def test_values_of_many_columns_are_told_with_each_item_read_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {str(n): {f"c{m}": f"V{n}" for m in range(50)} for n in range(4)}
    fields, read = filled(store, rows), Counter[str]()

    def counted(said: Mapping[str, Any]) -> dict[str, list[str]]:
        read[said["c0"]] += 1
        return values_in(said)

    monkeypatch.setattr("aesearch.storage.fields.values_in", counted)
    told = fields.examples()
    assert [told["c0"], told["c49"]] == [["V0", "V1", "V2"]] * 2
    assert read == {"V0": 1, "V1": 1, "V2": 1}


def test_what_changes_is_seen(store: Store) -> None:
    fields = filled(store, ROWS)
    assert met(store, fields, "year = 1650") == ["a/old.jpg"]
    one = store.ids_of(["a/old.jpg"])["a/old.jpg"]
    with store.transaction():
        fields.put_columns({one: '{"year": 1651}'})
    assert met(store, fields, "year = 1650") == []
    assert met(store, fields, "year = 1651") == ["a/old.jpg"]
    with store.transaction():
        store.remove(["a/old.jpg"])
    assert met(store, fields, "year = 1651") == []
    assert not store.select("SELECT 1 FROM field_values WHERE id = ?", (one,))


def test_a_column_comes_before_what_all_items_have(store: Store) -> None:
    fields = filled(store, {"a/x": {"size": "large", "label": "red"}, "b/y": {"label": "blue"}})
    assert met(store, fields, "size = large") == ["a/x"]
    assert met(store, fields, "label = blue") == ["b/y"]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("1650", "1650"),
        ("1650-02", "1650-02"),
        ("2024-02-29", "2024-02-29"),
        ("2024-02-29 10:11", "2024-02-29T10:11"),
        ("2024-02-29T10:11:12.5Z", "2024-02-29T10:11:12"),
        ("2024-02-29T10:11+02:00", "2024-02-29T10:11"),
        ("2023-02-29", ""),
        ("2024-13", ""),
        ("2024-01-01T25:00", ""),
        ("0000", ""),
        ("165", ""),
        ("\u0661\u0662\u0663\u0664", ""),
    ],
)
def test_dates(text: str, day: str) -> None:
    assert as_date(text) == day


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("007", 7.0),
        ("-1.5e2", -150.0),
        (".5", 0.5),
        ("1,5", None),
        ("nan", None),
        ("\u0665", None),
        ("123456789012345678", None),
        ("0.30000000000000004", 0.1 + 0.2),
    ],
)
def test_numbers(text: str, number: float | None) -> None:
    assert as_number(text) == number


# -- what they refuse ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "character 1, [here]: [here]; the name of a field, not or ( is expected"),
        ("year", "=, !=, <, <=, >, >=, in or like behind the field 'year' is expected"),
        ("year <", "character 7, [here]: year <[here]; a value, such as 1700"),
        ("year < and place = x", "year < [here]and place = x; a value"),
        ("place = New York", "place = New [here]York; the end, and or or is expected there; a val"),
        ("(year < 3", "(year < 3[here]; and, or or ) is expected"),
        ("year < 3)", "year < 3[here]); the end, and or or is expected"),
        ("place in Ulm", "place in [here]Ulm; ( and values"),
        ("place in ()", "a value, such as"),
        ("place in (a b)", "place in (a [here]b); , or ) is expected"),
        ("place = 'Ulm", "place = [here]'Ulm; a ' that ends the quotation is expected"),
        ("= 3", "[here]= 3; the name of a field"),
        ("'' = 3", "[here]'' = 3; the name of a field"),
        ("year ! 3", "is expected"),
        ("a = b; DROP TABLE items", "[here]DROP TABLE items"),
        ("a = b\0", "without NUL"),
        ("a = \ud800", "without NUL"),
        ("(" * 60 + "a = b" + ")" * 60, f"no more than {DEEPEST} parentheses"),
        ("not " * 60 + "a = b", f"no more than {DEEPEST} parentheses"),
        ("a = " + "b" * 100_000, f"100,004 characters, and may have {LONGEST:,}"),
    ],
)
def test_the_place_of_a_fault_is_shown(text: str, said: str) -> None:
    with pytest.raises(ParameterError) as caught:
        Where.of(text)
    assert said in caught.value.args[0]
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("other", [3, b"a = b", ["a = b"], {"a": "b"}])
def test_only_a_text_is_read(other: Any) -> None:
    with pytest.raises(ParameterError, match="where is a text"):
        Where.of(other)


def test_an_unknown_field_names_those_there_are_nearest_first(store: Store) -> None:
    fields = filled(store, ROWS)
    with pytest.raises(ParameterError, match="no field 'yaer'; there are year, "):
        met(store, fields, "yaer < 1700")


@pytest.mark.parametrize("text", ["size = large", "date = soon", "size like 1*", "date like 2*"])
def test_what_cannot_be_compared_is_said(store: Store, text: str) -> None:
    with pytest.raises(ParameterError, match=r"such as 500000|year, a month|use < and >"):
        met(store, filled(store, ROWS), text)


@pytest.mark.parametrize(
    "value", ["'; DROP TABLE items; --", '" OR 1=1', "%", "*", "[a-z]*", "?" * 2000, "\\", "1e999"]
)
def test_hostile_values_are_only_values(store: Store, value: str) -> None:
    fields = filled(store, ROWS)
    quoted = value.replace("'", "''")
    for operator in ("=", "<", "like"):
        for field in ("place", "path"):
            met(store, fields, f"{field} {operator} '{quoted}'")
    assert met(store, fields, f"place = '{quoted}' or path = '{quoted}'") == []
    assert store.count() == len(ROWS)


def test_a_name_is_never_part_of_a_statement(store: Store) -> None:
    fields = filled(store, {"x": {"a' = 1; --": "1", 'b"c': "2", "and": "3"}})
    assert met(store, fields, '"a\' = 1; --" = 1') == ["x"]
    assert met(store, fields, '\'b"c\' = 2 and "and" = 3') == ["x"]
    with pytest.raises(ParameterError, match="no field 'id'"):
        met(store, fields, "id = 1")


# -- properties ------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [*"'\"(),=<!%*[; \t\n\0\u0301\ud800", "year", "place", "!=", ">=", "--", "in"]
) | (st.sampled_from(["like", "not", "and", "or", "1700", "Ulm", "SELECT", "1901-03"]))


@given(st.lists(PIECES, max_size=30).map(" ".join) | st.lists(PIECES, max_size=30).map("".join))
@example("a=b")
@example("'a''b'=\"c\"\"d\"")
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    with suppress(ParameterError):
        assert Where.of(text).fields()


VALUES = st.sampled_from(["ulm", "Ulm", "New York", "\u00c5", "A\u030a", "x", "zz*", "true"]) | (
    st.sampled_from(["1650", "1700", "1700.0", "-3", "1e3", "007", "7"])
    | st.sampled_from(["1650-03", "1650-03-12", "2024-05-03T10:11:12"])
)
FIELDS = ("year", "place", "Date of gift")
RANDOM_ROWS = st.dictionaries(
    st.text(string.ascii_lowercase, min_size=1, max_size=3),
    st.dictionaries(st.sampled_from(FIELDS), VALUES | st.lists(VALUES, max_size=3), max_size=3),
    min_size=1,
    max_size=8,
)


def condition(depth: int) -> st.SearchStrategy[str]:
    """A condition, as it is written."""
    name = st.sampled_from(["year", "place", '"Date of gift"'])
    value = VALUES.map(lambda text: f"'{text}'") | VALUES.filter(lambda text: " " not in text)
    signs = st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "like", "not like"])
    one = st.tuples(name, signs, value).map(" ".join) | st.tuples(
        name, st.sampled_from(["in", "not in"]), st.lists(value, min_size=1, max_size=3)
    ).map(lambda parts: f"{parts[0]} {parts[1]} ({', '.join(parts[2])})")
    if not depth:
        return one
    inner = condition(depth - 1)
    both = st.tuples(inner, st.sampled_from(["and", "or"]), inner)
    return (
        one | both.map(lambda parts: "({}) {} ({})".format(*parts)) | inner.map("not ({})".format)
    )


def truth(one: Any, row: dict[str, Any]) -> bool | None:
    """What a condition is of one row: true, false, or neither, by a plain evaluator."""
    if isinstance(one, Several):
        parts = [truth(part, row) for part in one.parts]
        deciding = not one.all
        if deciding in parts:
            return deciding
        return None if None in parts else not deciding
    found = row.get(one.field)
    values = [text for text in (found if isinstance(found, list) else [found]) if text]
    told = [told for value in values if (told := compared(one, value)) is not None]
    if not told:
        return None
    return any(told) != one.negated


def compared(one: Comparison, value: str) -> bool | None:
    """Whether a value meets a comparison; None where they cannot be compared."""
    if one.operator == "like":
        return fnmatchcase(fold(value), fold(one.value).replace("%", "*").replace("[", "[[]"))
    number, day = as_number(one.value), as_date(one.value)
    own_number, own_day = as_number(value), as_date(value)
    signs: list[int] = []  # how the value compares, in each form that both have
    if own_number is not None and number is not None:
        signs.append((own_number > number) - (own_number < number))
    if own_day and day:
        whole = own_day + "0001-01-01T00:00:00"[len(own_day) :]
        signs.append(0 if whole.startswith(day) else 1 if whole > day else -1)
    text = (fold(value) > fold(one.value)) - (fold(value) < fold(one.value))
    if one.operator == "=":
        by_form = 0 in signs and not (one.quoted and number is not None)
        return text == 0 or by_form
    if number is None and not day:
        signs = [text]
    meets = {"<": (-1,), "<=": (-1, 0), ">": (1,), ">=": (0, 1)}[one.operator]
    return any(sign in meets for sign in signs) if signs else None


@given(RANDOM_ROWS, st.lists(condition(2), min_size=1, max_size=4))
def test_the_same_as_a_plain_evaluator(
    tmp_path_factory: pytest.TempPathFactory,
    rows: dict[str, dict[str, Any]],
    texts: list[str],
) -> None:
    path = tmp_path_factory.mktemp("fields") / "items.db"
    with closing(Store(path, create=True)) as store:
        whole = {"zzzz": dict.fromkeys(FIELDS, "1")}
        fields = filled(store, whole | rows)
        for text in texts:
            wanted = [
                key for key, row in (whole | rows).items() if truth(Where.of(text).condition, row)
            ]
            assert met(store, fields, text) == wanted, text


def test_several_conditions_on_the_command_line_must_all_hold() -> None:
    assert all_of([]) is None
    assert all_of(["year > 1700"]) == "year > 1700"
    assert all_of(["a = 1 or b = 2", "c = 3"]) == "(a = 1 or b = 2) and (c = 3)"
    with pytest.raises(ParameterError, match="at character 4"):
        all_of(["a = 1", "b = "])
