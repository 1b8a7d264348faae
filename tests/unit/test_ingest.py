"""Ingest: bad input is in the dead letters, whole and with its reason; nothing else is lost."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.agents.ingest import IngestJob
from streams.codec import ACCOUNT_BYTES_MAX, DEPTH_MAX, RawLimits
from streams.job import Headers, LogRecord, Out, TooManyRejects
from streams.rejects import WINDOW, RejectLimits

APPENDED = 1_772_442_000_000  # 2026-03-02T09:00Z
EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e1",
    "source": "//crm.example/crm",
    "type": "document.downloaded",
    "time": "2026-03-02T08:59:00Z",
    "subject": "acme",
    "data": {"document": "msa.pdf"},
}
BINARY = [
    ("content-type", b"application/json"),
    ("ce_specversion", b"1.0"),
    ("ce_id", b"e1"),
    ("ce_source", b"//crm.example/crm"),
    ("ce_type", b"document.downloaded"),
    ("ce_time", b"2026-03-02T08:59:00Z"),
    ("ce_subject", b"acme"),
]


def encoded(**changes: Any) -> bytes:
    """The event with some attributes changed; None leaves one out."""
    event = {name: value for name, value in {**EVENT, **changes}.items() if value is not None}
    return json.dumps(event).encode()


def record(
    value: bytes | None, *, key: bytes | None = b"acme", headers: Headers = (), offset: int = 0
) -> LogRecord:
    return LogRecord(offset, APPENDED, key, value, headers)


def job(ratio_max: float = 1.0, in_row_max: int = 1_000) -> IngestJob:
    limits = RawLimits(bytes_max=1_000_000, skew_ms=300_000)
    return IngestJob(("raw", 3), "to", "dead", limits, RejectLimits(ratio_max, in_row_max))


def ingest(records: Iterable[LogRecord]) -> tuple[list[Out], list[Out]]:
    """What went on, and the dead letters."""
    made = job()
    made.apply(list(records))
    outputs = made.snapshot(0).outputs
    return [o for o in outputs if o.topic == "to"], [o for o in outputs if o.topic == "dead"]


def nested(levels: int) -> dict[str, Any]:
    return {"a": nested(levels - 1)} if levels > 1 else {}


BAD: dict[str, tuple[str, LogRecord]] = {
    "a tombstone": ("null_value", record(None)),
    "nothing": ("not_json", record(b"")),
    "broken JSON": ("not_json", record(b'{"specversion": "1.0", ')),
    "a wrong type, and broken behind": ("not_json", record(b'{"id": 7, "source"')),
    "a wrong type, and endless behind": (
        "too_deep",
        record(b'{"id": 7, "data": ' + b"[" * 9_000 + b"]" * 9_000 + b"}"),
    ),
    "not JSON at all": ("not_json", record(b"<event/>")),
    "a list": ("not_an_object", record(b"[]")),
    "a number": ("not_an_object", record(b"7")),
    "no id": ("missing_field", record(encoded(id=None))),
    "an empty id": ("missing_field", record(encoded(id=""))),
    "no type": ("missing_field", record(encoded(type=None))),
    "no time": ("missing_field", record(encoded(time=None))),
    "a numeric id": ("wrong_type", record(encoded(id=7))),
    "data that is a text": ("wrong_type", record(encoded(data="x"))),
    "data that is a list": ("wrong_type", record(encoded(data=[]))),
    "a number beyond all floats": (
        "wrong_type",
        record(encoded().replace(b'"msa.pdf"', b"1e999")),
    ),
    "no account": ("no_account", record(encoded(subject=None))),
    "an empty account": ("no_account", record(encoded(subject=""))),
    "an account like a control record": ("bad_account", record(encoded(subject="\0tick"))),
    "a long account": ("account_too_long", record(encoded(subject="ä" * ACCOUNT_BYTES_MAX))),
    "an endless id": ("attribute_too_long", record(encoded(id="e" * 1_025))),
    "an endless source": ("attribute_too_long", record(encoded(source="//" + "s" * 1_023))),
    "an endless time zone": ("attribute_too_long", record(encoded(accounttz="Z" * 1_025))),
    "an endless type": ("invalid_type", record(encoded(type="a." + "b" * 1_023))),
    "no time zone": ("no_time_zone", record(encoded(time="2026-03-02T08:59:00"))),
    "a time that is none": ("time_invalid", record(encoded(time="2026-13-02T08:59:00Z"))),
    "a time in another form": ("time_invalid", record(encoded(time="2 March 2026"))),
    "a time in the future": ("time_in_future", record(encoded(time="2026-03-02T09:05:01Z"))),
    "a far future": ("time_in_future", record(encoded(time="9999-12-31T23:59:59-08:00"))),
    "before 1970": ("time_before_1970", record(encoded(time="1969-12-31T23:59:59Z"))),
    "before 1970 in UTC": ("time_before_1970", record(encoded(time="1970-01-01T00:00:00+08:00"))),
    "2 MB": ("too_large", record(encoded(data={"text": "x" * 2_000_000}))),
    "nested too deep": ("too_deep", record(encoded(data=nested(DEPTH_MAX + 1)))),
    "nested without end": (
        "too_deep",
        record(encoded().replace(b'"msa.pdf"', b'{"a":' * 9_000 + b"1" + b"}" * 9_000)),
    ),
    "a key that is not UTF-8": ("key_not_utf8", record(encoded(), key=b"\xff\xfe")),
    "bytes that are not UTF-8": ("bad_utf8", record(encoded().replace(b"msa", b"\xff\xfe\xfd"))),
    "a type without a dot": ("invalid_type", record(encoded(type="download"))),
    "another version": ("unknown_specversion", record(encoded(specversion="0.3"))),
    "binary mode with XML": (
        "unsupported_content_type",
        record(b"<x/>", headers=[("content-type", b"text/xml"), *BINARY[1:]]),
    ),
    "a batch of events": (
        "unsupported_content_type",
        record(b"[]", headers=[("content-type", b"application/cloudevents-batch+json")]),
    ),
    "binary mode without a type": (
        "missing_field",
        record(b"{}", headers=[h for h in BINARY if h[0] != "ce_type"]),
    ),
    "binary mode with broken data": ("not_json", record(b"{", headers=BINARY)),
    "binary mode with a list": ("wrong_type", record(b"[]", headers=BINARY)),
    "a header that is not UTF-8": (
        "bad_utf8",
        record(b"{}", headers=[*BINARY[:-1], ("ce_subject", b"\xff")]),
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_a_dead_letter_and_its_neighbours_go_on(name: str) -> None:
    reason, bad = BAD[name]
    bad = bad._replace(offset=1)
    good, dead = ingest([record(encoded(id="before")), bad, record(encoded(id="after"), offset=2)])
    assert [json.loads(out.value or b"")["id"] for out in good] == ["before", "after"]
    (letter,) = dead
    assert (letter.key, letter.value, letter.partition) == (bad.key, bad.value, 3)
    told = dict(letter.headers)
    assert told["dead.reason"].decode() == reason
    assert (told["dead.topic"], told["dead.partition"], told["dead.offset"]) == (b"raw", b"3", b"1")
    assert told["dead.agent"] == b"ingest"
    assert told["dead.message"]


def test_the_original_headers_stay_on_a_dead_letter() -> None:
    _, (letter,) = ingest([record(b"{", headers=[("trace", b"t-1"), ("trace", b"t-2")])])
    assert list(letter.headers)[:2] == [("trace", b"t-1"), ("trace", b"t-2")]


GOOD: dict[str, LogRecord] = {
    "structured mode": record(encoded()),
    "structured mode, said so": record(
        encoded(), headers=[("content-type", b"application/cloudevents+json; charset=utf-8")]
    ),
    "headers of others": record(encoded(), headers=[("trace", b"\xff")]),
    "no key": record(encoded(), key=None),
    "binary mode": record(json.dumps(EVENT["data"]).encode(), headers=BINARY),
    "binary mode without content type": record(
        json.dumps(EVENT["data"]).encode(), headers=BINARY[1:]
    ),
    "attributes that nobody knows": record(encoded(traceparent="00-1", datacontenttype="x")),
    "just within the skew": record(encoded(time="2026-03-02T09:05:00Z")),
    "nested as deep as may be": record(encoded(data=nested(DEPTH_MAX))),
    "a type that no rule reads": record(encoded(type="weather.changed")),
    "a huge number": record(encoded(data={"n": 10**40})),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_input_goes_on_under_its_account(name: str) -> None:
    (out,), dead = ingest([GOOD[name]])
    assert dead == []
    assert (out.key, out.partition) == (b"acme", None)
    assert json.loads(out.value or b"")["subject"] == "acme"


def test_both_modes_say_the_same() -> None:
    (structured,), _ = ingest([GOOD["structured mode"]])
    (binary,), _ = ingest([GOOD["binary mode"]])
    assert json.loads(binary.value or b"") == json.loads(structured.value or b"") == EVENT


def test_extensions_are_kept() -> None:
    extra = {"actorkind": "rep", "provenance": "typed", "accounttz": "Asia/Shanghai"}
    (out,), _ = ingest([record(encoded(**extra))])
    assert json.loads(out.value or b"") == {**EVENT, **extra}


def test_a_repeat_is_not_the_business_of_ingest() -> None:
    good, _ = ingest([record(encoded()), record(encoded(), offset=1)])
    assert len(good) == 2


def bad(count: int, first: int = 0) -> list[LogRecord]:
    return [record(b"{", offset=first + i) for i in range(count)]


def test_too_many_in_a_row_stop_the_worker() -> None:
    made = job(in_row_max=100)
    made.apply(bad(99))
    made.apply([record(encoded(), offset=99)])
    made.apply(bad(99, 100))
    with pytest.raises(TooManyRejects, match="100 in a row"):
        made.apply(bad(1, 199))


def test_a_large_share_stops_the_worker_and_a_small_one_never_does() -> None:
    made = job(ratio_max=0.01)
    mix = [record(encoded())] * 99 + [record(b"{")]
    for _ in range(3 * WINDOW // 100):
        made.apply(mix)
    with pytest.raises(TooManyRejects, match="101 of the last"):
        made.apply([record(b"{")])


def test_a_restart_does_not_forget_how_many_were_rejected() -> None:
    first, second = job(in_row_max=100), job(in_row_max=100)
    first.apply(bad(99))
    second.restore([], first.snapshot(0).header)
    with pytest.raises(TooManyRejects):
        second.apply(bad(1, 99))


def test_each_outcome_is_counted() -> None:
    made = job()
    made.apply([record(encoded()), *bad(2)])
    stats = made.snapshot(0).stats
    assert (stats["applied"], stats["reject:not_json"]) == (1, 2)
    assert made.snapshot(0).stats.total() == 0, "told once"


@given(
    cut=st.tuples(st.integers(0, 250), st.integers(0, 250)),
    junk=st.binary(max_size=8),
    headers=st.lists(st.tuples(st.sampled_from([n for n, _ in BINARY]), st.binary(max_size=9))),
)
def test_no_bytes_whatever_stop_ingest(
    cut: tuple[int, int], junk: bytes, headers: list[tuple[str, bytes]]
) -> None:
    whole = encoded()
    value = whole[: min(cut)] + junk + whole[max(cut) :]
    good, dead = ingest([record(value, headers=headers)])
    assert len(good) + len(dead) == 1
