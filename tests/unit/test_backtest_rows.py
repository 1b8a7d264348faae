"""Mappings: how rows become events, and what is told of those that cannot."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from models.errors import BadInput, BadSetting
from models.event import Event
from streams.backtest.forms import parse_form
from streams.backtest.mapping import Mapping
from streams.backtest.rows import Row, RowParser

LOAN = """
account: "{case}"
type: "loan.{activity}"
time: {column: at}
"""


def mapping(text: str) -> Mapping:
    return parse_form(text, "map.yml", Mapping)[0]


def parse(text: str, *rows: dict[str, Any]) -> list[Event | None]:
    parser = RowParser(mapping(text), "loans.csv")
    return [parser.parse(Row(n, fields)) for n, fields in enumerate(rows, 2)]


def one(text: str, **fields: Any) -> Event:
    [event] = parse(text, fields)
    assert event is not None
    return event


def reason(text: str, **fields: Any) -> str:
    with pytest.raises(BadInput) as caught:
        one(text, **fields)
    return caught.value.reason


ROW = {"case": "c1", "activity": "W_Nabellen offertes", "at": "2011-10-01T00:38:44.546+02:00"}


def test_the_least_mapping_makes_an_event_of_a_row() -> None:
    event = one(LOAN, **ROW)
    assert (event.subject, event.type) == ("c1", "loan.w_nabellen_offertes")
    assert (event.id, event.source) == ("2", "//file/loans.csv")
    assert event.time == datetime(2011, 9, 30, 22, 38, 44, 546000, tzinfo=UTC)
    assert event.at == 1_317_422_324_546
    assert event.data == {}


def test_every_attribute_can_be_told_by_columns() -> None:
    text = LOAN + (
        'id: "{case}-{n}"\nsource: "//crm/{who}"\nactorkind: "{who}"\n'
        "provenance: captured\naccounttz: Europe/Berlin\n"
    )
    event = one(text, **ROW, n="7", who="rep")
    assert (event.id, event.source) == ("c1-7", "//crm/rep")
    assert (event.actorkind, event.provenance) == ("rep", "captured")
    assert event.accounttz == "Europe/Berlin"
    assert one(text, **ROW, n="7", who="rep").source == "//crm/rep"


def test_data_has_its_types_and_an_empty_cell_says_nothing() -> None:
    text = LOAN + (
        "data: {amount: {column: n, as: int}, share: {column: f, as: float},\n"
        "       open: {column: b, as: bool}, who: who, none: gone}\nempty: ['', '?']\n"
    )
    event = one(text, **ROW, n="20000", f="0.5", b="True", who="?", gone="")
    assert event.data == {"amount": 20_000, "share": 0.5, "open": True}


def test_without_a_type_a_value_stays_what_the_file_has() -> None:
    """Text in CSV; in JSON and Parquet numbers, lists, instants as JSON holds them."""
    text = LOAN + "data: {n: n, f: f, b: b, many: many, at: at, nan: nan, none: none}\n"
    at = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
    row = {"n": 5, "f": 0.5, "b": True, "many": [{"x": 1}], "nan": float("nan"), "none": None}
    assert one(text, **(ROW | row | {"at": at})).data == {
        "n": 5, "f": 0.5, "b": True, "many": [{"x": 1}], "at": "2026-03-01T08:30:00Z",
    }  # fmt: skip
    assert one(text, **(ROW | {"n": "5"})).data == {"n": "5", "at": ROW["at"]}


@pytest.mark.parametrize(
    ("field", "value"),
    [("int", "12.5"), ("int", str(2**63)), ("float", "nan"), ("float", "x"), ("bool", "maybe")],
)
def test_a_value_of_another_type_makes_a_bad_row(field: str, value: str) -> None:
    text = LOAN + f"data: {{x: {{column: n, as: {field}}}}}\n"
    assert reason(text, **ROW, n=value) == "wrong_type"


def test_values_are_called_otherwise_and_unknown_ones_stay() -> None:
    text = LOAN + "values: {activity: {A_SUBMITTED: submitted}}\n"
    events = parse(text, ROW | {"activity": "A_SUBMITTED"}, ROW | {"activity": "A_NEW"})
    assert [event.type for event in events if event] == ["loan.submitted", "loan.a_new"]


def test_rows_that_are_no_events_are_left_out() -> None:
    text = LOAN + "only: {lifecycle: [COMPLETE]}\n"
    events = parse(text, ROW | {"lifecycle": "START"}, ROW | {"lifecycle": "COMPLETE"})
    assert [event is None for event in events] == [True, False]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"case": ""}, "no_account"),
        ({"case": None}, "no_account"),
        ({"activity": ""}, "invalid_type"),
        ({"at": "soon"}, "time_invalid"),
        ({"at": ""}, "time_invalid"),
        ({"at": "2011-10-01T00:38:44"}, "no_time_zone"),
        ({"at": "1969-10-01T00:38:44Z"}, "time_before_1970"),
        ({"case": "x" * 300}, "account_too_long"),
    ],
)
def test_what_cannot_be_an_event_is_told_by_the_word_of_the_dead_letters(
    changes: dict[str, Any], expected: str
) -> None:
    assert reason(LOAN, **(ROW | changes)) == expected


@pytest.mark.parametrize(
    ("time", "cell"),
    [
        ('{column: at, format: "%d/%m/%Y %H:%M", zone: Europe/Berlin}', "1/3/2026 09:30"),
        ("{column: at, format: iso, zone: Europe/Berlin}", "2026-03-01 09:30"),
        ("{column: at}", "2026-03-01T09:30:00+01:00"),
        ("{column: at, format: epoch_s}", "1772353800"),
        ("{column: at, format: epoch_ms}", "1772353800000"),
    ],
)
def test_times_in_many_forms_are_one_instant(time: str, cell: str) -> None:
    text = LOAN.replace("{column: at}", time)
    assert one(text, **(ROW | {"at": cell})).at == 1_772_353_800_000


def test_a_column_of_instants_needs_no_format() -> None:
    at = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
    assert one(LOAN, **(ROW | {"at": at})).time == at


def test_times_can_be_made_up() -> None:
    text = LOAN.replace("{column: at}", '{start: "2026-01-01T09:00:00Z", every: 10s}')
    events = parse(text, ROW, ROW, ROW)
    assert [event.at % 60_000 for event in events if event] == [0, 10_000, 20_000]


def test_columns_inside_of_objects_are_named_with_dots() -> None:
    text = 'account: "{buyer.name}"\ntype: "tender.{tag}"\ntime: {column: date.at}\n'
    row = {"buyer": {"name": "b"}, "tag": "open", "date": {"at": "2026-03-01T00:00:00Z"}}
    assert one(text, **row).subject == "b"
    assert reason(text, **(row | {"buyer": None})) == "no_account"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("acount: x", "map.yml:5:1: unknown field 'acount'; did you mean 'account'?"),
        ('id: "{case"', "a brace that is not closed"),
        ("data: {x: {column: n, as: integer}}", "map.yml:5:"),
    ],
)
def test_a_mapping_tells_its_faults_with_their_place(line: str, told: str) -> None:
    with pytest.raises(BadSetting) as caught:
        mapping(LOAN + line + "\n")
    assert told in str(caught.value)


def test_a_zone_that_nobody_knows_is_told() -> None:
    with pytest.raises(BadSetting, match="not an IANA time zone"):
        mapping(LOAN.replace("{column: at}", "{column: at, zone: Mars/Olympus}"))
