"""Files of each format, packed and plain: the same rows come out, bad ones are told and kept."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cramjam
import polars as pl
import pytest

from models.errors import BadSetting
from models.event import Event
from streams.backtest.bad_rows import BadRows
from streams.backtest.file_input import FileInput, Span
from streams.backtest.forms import parse_form
from streams.backtest.mapping import Mapping
from streams.backtest.readers.registry import ENDINGS, READERS
from streams.codec import RawLimits

MAP = """
account: "{case}"
type: "loan.{activity}"
time: {column: at, format: iso, zone: UTC}
data: {amount: {column: n, as: int}}
"""
ROWS: list[dict[str, Any]] = [
    {"case": "c1", "activity": "sent", "at": "2026-03-01T09:00:00+00:00", "n": 5},
    {"case": 'ж,"2"', "activity": "back", "at": "2026-03-01T10:00:00+00:00", "n": 6},
    {"case": "c1", "activity": "back", "at": "2026-03-01T10:00:00+00:00", "n": None},
]
LIMITS = RawLimits(1_000, 0)
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "": lambda content: content,
    ".gz": gzip.compress,
    ".zst": lambda content: bytes(cramjam.zstd.compress(content)),
}


def csv(rows: Iterable[dict[str, Any]]) -> bytes:
    return pl.DataFrame(list(rows)).write_csv().encode()


def jsonl(rows: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def parquet(rows: Iterable[dict[str, Any]]) -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame(list(rows)).write_parquet(buffer)
    return buffer.getvalue()


def xes(rows: Iterable[dict[str, Any]]) -> bytes:
    events = "".join(
        f"<trace><string key='concept:name' value='{row['case'].replace(chr(34), '&quot;')}'/>"
        f"<event><string key='concept:name' value='{row['activity']}'/>"
        f"<date key='time:timestamp' value='{row['at']}'/>"
        + (f"<int key='n' value='{row['n']}'/>" if row["n"] is not None else "")
        + "</event></trace>"
        for row in rows
    )
    return f"<log xes.version='1.0' xmlns='http://www.xes-standard.org/'>{events}</log>".encode()


XES_MAP = MAP.replace("{case}", "{case:concept:name}").replace("{activity}", "{concept:name}")
XES_MAP = XES_MAP.replace("column: at", 'column: "time:timestamp"')
FORMATS: dict[str, tuple[Callable[[Any], bytes], str]] = {
    "csv": (csv, MAP),
    "jsonl": (jsonl, MAP),
    "json": (lambda rows: json.dumps({"all": list(rows)}).encode(), MAP + "records: all\n"),
    "parquet": (parquet, MAP),
    "xes": (xes, XES_MAP),
}
READABLE = [  # Parquet packs its columns itself
    (format, packing)
    for format in FORMATS
    for packing in PACKED
    if format != "parquet" or not packing
]


class Files:
    """A folder of input files, and what a backtest reads of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.input: FileInput

    def write(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    def read(self, *paths: Path, mapping: str | None = MAP, **options: Any) -> list[Event]:
        form = parse_form(mapping, "map.yml", Mapping)[0] if mapping else None
        bad = BadRows(self.folder / "bad-rows.jsonl")
        try:
            self.input = FileInput(list(paths), form, bad, LIMITS, **options)
            return list(self.input)
        finally:
            bad.close()

    @property
    def bad(self) -> list[dict[str, Any]]:
        lines = (self.folder / "bad-rows.jsonl").read_bytes().splitlines()
        return [json.loads(line) for line in lines]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_every_reader_that_is_registered_is_tried_here() -> None:
    assert FORMATS.keys() == READERS.keys() == set(ENDINGS.values())


@pytest.mark.parametrize(("format", "packing"), READABLE)
def test_a_file_of_any_format_gives_the_same_events(
    files: Files, format: str, packing: str
) -> None:
    write, mapping = FORMATS[format]
    path = files.write(f"loans.{format}{packing}", PACKED[packing](write(ROWS)))
    events = files.read(path, mapping=mapping)
    assert [(e.subject, e.type, e.at // 3_600_000 % 24) for e in events] == [
        ("c1", "loan.sent", 9),
        ('ж,"2"', "loan.back", 10),
        ("c1", "loan.back", 10),
    ]
    assert [event.data for event in events] == [{"amount": 5}, {"amount": 6}, {}]
    assert {event.source for event in events} == {f"//file/loans.{format}"}
    assert files.input.counts == {"read": 3}
    assert files.input.done == 1.0


def test_cloud_events_need_no_mapping_and_are_judged_as_ingest_judges_them(files: Files) -> None:
    good = {
        "specversion": "1.0",
        "id": "1",
        "source": "//crm",
        "type": "trial.started",
        "time": "2026-03-02T09:00:00+08:00",
        "subject": "acme",
        "data": {"seats": 3},
        "unknown": 1,
    }
    lines = [good, good | {"subject": ""}, good | {"type": "Trial"}, "text", good | {"id": "2"}]
    path = files.write("events.jsonl", b"\n".join(json.dumps(one).encode() for one in lines))
    events = files.read(path, mapping=None)
    assert [(e.id, e.subject, e.data, e.offset) for e in events] == [
        ("1", "acme", {"seats": 3}, 1),
        ("2", "acme", {"seats": 3}, 5),
    ]
    assert events[0].time.isoformat() == "2026-03-02T09:00:00+08:00"  # its offset decides on days
    reasons = ["no_account", "invalid_type", "not_an_object"]
    assert [(row["line"], row["reason"]) for row in files.bad] == list(
        zip([2, 3, 4], reasons, strict=True)
    )
    assert json.loads(files.bad[0]["raw"]) == good | {"subject": ""}


def test_bad_rows_are_counted_and_kept_with_their_place(files: Files) -> None:
    text = (
        b"case,activity,at,n\n"
        b"c1,sent,2026-03-01T09:00:00Z,5\n"
        b"c1,sent,soon,5\n"
        b"c1,sent\n"
        b"\n"
        b'c1,"sent\non two lines",2026-03-01T10:00:00Z,x\n'
        b"c1,sent,2026-03-01T11:00:00Z,7\n"
    )
    path = files.write("loans.csv", text)
    assert [event.data["amount"] for event in files.read(path)] == [5, 7]
    assert [(row["file"], row["line"], row["reason"]) for row in files.bad] == [
        (str(path), 3, "time_invalid"),
        (str(path), 4, "wrong_number_of_cells"),
        (str(path), 7, "wrong_type"),
    ]
    assert files.bad[0]["raw"] == {"case": "c1", "activity": "sent", "at": "soon", "n": "5"}
    assert files.input.counts == {"read": 5, "bad": 3}


@pytest.mark.parametrize("packing", [".gz", ".zst"])
@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_what_a_damaged_file_still_holds_is_read_and_its_end_is_told(
    files: Files, format: str, packing: str
) -> None:
    hours = [f"2026-03-01T{hour:02}:00:00Z" for hour in range(24)]
    rows = [
        ROWS[0] | {"at": hour, "case": f"c{n * 7919 % 1000}"} for n in range(400) for hour in hours
    ]
    rows.sort(key=lambda row: str(row["at"]))
    whole = PACKED[packing](FORMATS[format][0](rows))
    path = files.write(f"loans.{format}{packing}", whole[: len(whole) // 2])
    events = files.read(path)
    assert len(events) < len(rows)
    assert [row["reason"] for row in files.bad] == ["unreadable"]


@pytest.mark.parametrize("format", ["json", "parquet", "xes"])
def test_a_file_that_is_not_what_its_name_says_is_refused(files: Files, format: str) -> None:
    path = files.write(f"loans.{format}", b"<html>not this</html>")
    with pytest.raises(BadSetting, match=rf"loans\.{format}"):
        files.read(path, mapping=FORMATS[format][1])


@pytest.mark.parametrize("format", ["csv", "parquet", "xes"])
def test_a_column_that_is_not_there_is_named_with_those_that_are(files: Files, format: str) -> None:
    write, mapping = FORMATS[format]
    path = files.write(f"loans.{format}", write(ROWS))
    with pytest.raises(BadSetting, match=r"no (column|attribute) gone; .* has .*n"):
        files.read(path, mapping=mapping + 'id: "{gone}"\n')


def test_files_that_need_a_mapping_or_have_no_format_are_told(files: Files) -> None:
    with pytest.raises(BadSetting, match="say by --map how its columns become events"):
        files.read(files.write("loans.csv", csv(ROWS)), mapping=None)
    with pytest.raises(BadSetting, match="its name tells no format"):
        files.read(files.write("loans.txt", csv(ROWS)))
    with pytest.raises(BadSetting, match="cannot be read: No such file"):
        files.read(files.folder / "gone.csv")
    named = files.write("loans.txt", csv(ROWS))
    assert len(files.read(named, mapping=MAP + "format: csv\n")) == 3


def test_a_span_leaves_out_what_lies_outside_and_counts_it(files: Files) -> None:
    path = files.write("loans.csv", csv(ROWS))
    ten = 1_772_359_200_000
    assert len(files.read(path, span=Span(ten, None))) == 2
    assert files.input.counts == {"read": 3, "outside": 1}
    assert len(files.read(path, span=Span(None, ten))) == 1


def test_lists_inside_of_lines_are_rows_with_what_surrounds_them(files: Files) -> None:
    line = {"meeting": "m1", "turns": [{"who": "a"}, {"who": "b"}, "noise"]}
    mapping = (
        'account: "{meeting}"\ntype: "turn.{who}"\nrecords: turns\n'
        'time: {start: "2026-01-01T00:00:00Z", every: 1s}\n'
    )
    path = files.write("m.jsonl", jsonl([line, {"meeting": "m2"}]))
    assert [(e.subject, e.type, e.id) for e in files.read(path, mapping=mapping)] == [
        ("m1", "turn.a", "1"),
        ("m1", "turn.b", "1-2"),
    ]
    assert [row["reason"] for row in files.bad] == ["not_an_object", "no_records"]
