"""Raw records in, validated events out: the border that everything from outside crosses.

`ingest` parses CloudEvents (structured and binary mode) from the raw topic and writes them as JSON
to the interactions; `follow` reads them back. Whatever does not fit is a BadInput with a named
reason, told before any state has moved.
"""

from __future__ import annotations

import re
from functools import lru_cache
from sys import intern
from typing import Any, NamedTuple, NoReturn

import msgspec

from models.errors import BadInput
from models.event import CloudEvent, Event, to_ms
from streams.job import Record

ACCOUNT_BYTES_MAX = 256
ATTRIBUTE_CHARS_MAX = 1_024  # of id, source, type, accounttz: an account's state keeps them
DEPTH_MAX = 32  # of containers inside `data`
TYPE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")
DAY_MS = 86_400_000
STRUCTURED = "application/cloudevents"
_BROKEN = (msgspec.MsgspecError, ValueError, RecursionError, OverflowError)

encode_event = msgspec.json.Encoder().encode
_decode_cloud_event = msgspec.json.Decoder(CloudEvent).decode
_decode_outside = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_event = msgspec.json.Decoder(Event).decode


class RawLimits(NamedTuple):
    """bytes_max: of a record's value. skew_ms: how far beyond its append time an event may be."""

    bytes_max: int
    skew_ms: int


def parse_raw(record: Record, limits: RawLimits) -> CloudEvent:
    """A CloudEvent v1.0.2 in structured or binary mode (its JSON format and Kafka binding).

    Raises BadInput. Unknown attributes are dropped; a type that no rule reads is fine.
    """
    value = record.value
    if value is None:
        raise BadInput("null_value", "a record without a value says nothing")
    if len(value) > limits.bytes_max:
        raise BadInput("too_large", f"{len(value)} bytes, the limit is {limits.bytes_max}")
    _check_key(record.key)
    if record.headers and (attributes := _binary_attributes(record)) is not None:
        event = _from_binary(attributes, value)
    else:
        try:
            event = _decode_cloud_event(value)
        except _BROKEN as error:
            _tell_fault(value, error)
    if value.count(b"{") + value.count(b"[") > DEPTH_MAX and _is_deeper(event.data, DEPTH_MAX):
        raise BadInput("too_deep", f"data is nested more than {DEPTH_MAX} levels deep")
    at = check_event(event)
    if at > record.timestamp + limits.skew_ms:
        ahead_s = (at - record.timestamp) / 1000
        raise BadInput("time_in_future", f"{ahead_s:.0f} s ahead of the record's append time")
    return event


def parse_event(value: bytes | None, offset: int) -> Event:
    """An event of the interactions, placed in its log. Raises BadInput.

    >>> value = b'{"specversion":"1.0","id":"1","source":"//crm","type":"trial.started",'
    >>> value += b'"time":"2026-03-02T09:00:00Z","subject":"acme"}'
    >>> parse_event(value, 7).offset
    7
    """
    if value is None:
        raise BadInput("null_value", "a record without a value says nothing")
    try:
        event = _decode_event(value)
    except _BROKEN as error:
        _tell_fault(value, error)
    event.at = check_event(event)
    event.offset = offset
    event.type = intern(event.type)  # one string for all that accounts remember of it
    event.source = intern(event.source)
    return event


def check_event(event: CloudEvent) -> int:
    """What the types do not say; the event's time in ms since 1970. Raises BadInput."""
    time = event.time
    if time.tzinfo is None:
        raise BadInput("no_time_zone", f"time {time.isoformat()} has no offset; send UTC with Z")
    account = event.subject
    if not account or account[0] == "\0" or len(account) * 4 > ACCOUNT_BYTES_MAX:
        _check_account(account)
    if event.specversion != "1.0":
        raise BadInput("unknown_specversion", f"{event.specversion!r}, this reads 1.0")
    if not event.id or not event.source:
        raise BadInput("missing_field", "id and source may not be empty")
    most = ATTRIBUTE_CHARS_MAX
    if len(event.id) > most or len(event.source) > most or len(event.accounttz or "") > most:
        told = f"id, source or accounttz is longer than {ATTRIBUTE_CHARS_MAX} characters"
        raise BadInput("attribute_too_long", told)
    if not is_type(event.type):
        told = event.type[:ATTRIBUTE_CHARS_MAX]
        raise BadInput("invalid_type", f"{told!r} is not dotted, like document.downloaded")
    at = to_ms(time)
    if at < DAY_MS and (at < 0 or time.year < 1970):  # near zero the float hides the sign
        raise BadInput("time_before_1970", time.isoformat())
    return at


def _check_account(account: str) -> None:
    if not account:
        raise BadInput("no_account", "subject, the account, is empty")
    if account[0] == "\0":
        raise BadInput("bad_account", "an account does not begin with a NUL character")
    if len(account.encode()) > ACCOUNT_BYTES_MAX:
        raise BadInput("account_too_long", f"subject is longer than {ACCOUNT_BYTES_MAX} bytes")


@lru_cache(maxsize=4096)
def is_type(type: str) -> bool:
    """Whether it is an event type as rules know them: dotted, past tense by convention.

    >>> is_type("document.downloaded"), is_type("Download")
    (True, False)
    """
    return len(type) <= ATTRIBUTE_CHARS_MAX and TYPE.fullmatch(type) is not None


def _check_key(key: bytes | None) -> None:
    try:
        if key is not None:
            key.decode()
    except UnicodeDecodeError as error:
        raise BadInput("key_not_utf8", str(error)) from None


def _binary_attributes(record: Record) -> dict[str, Any] | None:
    """The ce_ headers, or None when the record is in structured mode."""
    headers = dict(record.headers)
    content_type = headers.get("content-type", b"").decode("latin-1")
    if content_type.startswith(STRUCTURED):
        if not content_type.startswith(f"{STRUCTURED}+json"):
            raise BadInput("unsupported_content_type", f"{content_type!r}; send {STRUCTURED}+json")
        return None
    if not any(name.startswith("ce_") for name in headers):
        return None
    if content_type and "json" not in content_type:
        raise BadInput("unsupported_content_type", f"{content_type!r}; data is read as JSON only")
    try:
        return {n[3:]: v.decode() for n, v in headers.items() if n.startswith("ce_")}
    except UnicodeDecodeError as error:
        raise BadInput("bad_utf8", f"a ce_ header: {error}") from None


def _from_binary(attributes: dict[str, Any], value: bytes) -> CloudEvent:
    try:
        attributes["data"] = msgspec.json.decode(value) if value else {}
    except _BROKEN as error:
        _tell_fault(value, error)
    try:
        return msgspec.convert(attributes, CloudEvent)
    except _BROKEN as error:
        raise _field_fault(error) from None


def _tell_fault(value: bytes, error: Exception) -> NoReturn:
    """Name what is wrong with a value that could not be decoded. Rare, so it may be slow.

    error: the first fault that was met; a value may have several, so they are told from the
    outside in.
    """
    try:
        value.decode()
        _decode_outside(value)
    except UnicodeDecodeError as fault:
        raise BadInput("bad_utf8", str(fault)) from None
    except msgspec.ValidationError:
        raise BadInput("not_an_object", "a CloudEvent is a JSON object") from None
    except msgspec.DecodeError as fault:
        raise BadInput("not_json", str(fault)) from None
    except RecursionError:
        error = RecursionError()
    if isinstance(error, RecursionError):
        raise BadInput("too_deep", f"nested more than {DEPTH_MAX} levels deep") from None
    raise _field_fault(error) from None


def _field_fault(error: Exception) -> BadInput:
    text = str(error)
    if "missing required field `subject`" in text:
        return BadInput("no_account", "subject, the account, is missing")
    if "missing required field" in text:
        return BadInput("missing_field", text)
    if "RFC3339" in text:
        return BadInput("time_invalid", text)
    return BadInput("wrong_type", text)


def _is_deeper(value: Any, levels: int) -> bool:
    if levels == 0:
        return True
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_is_deeper(v, levels - 1) for v in inner if isinstance(v, dict | list))
