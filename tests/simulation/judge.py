"""The judge: compares what the workers left in the topics with what must be there.

Every raw record carried once, in order; every output once, in order; every account's state; every
bad record in the dead letters once; positions at the end of the log; nothing overdue.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from models.account import Limits
from models.errors import BadInput
from rules.ruleset import RuleSet
from rules.snapshot import decode_account
from streams.agents.follow import FollowAgent
from streams.checkpoint import partition_of
from streams.codec import RawLimits, encode_event, parse_raw
from streams.control import TICK_KEY, Tick, is_control, parse_control
from streams.job import LogRecord
from streams.position import Position, decode_position, position_key
from streams.shelf import RuleShelf
from tests.e2e.workers import settled
from tests.simulation.breakage import BreakablePartition
from tests.simulation.retelling import Said, retell
from tests.simulation.site import Site, where

OVERDUE_S_MAX = 5.0
EMITTED = re.compile(rb'"emitted_at":"[^"]*",?')

Lines = Mapping[Hashable, list[Any]]


def judge(site: Site, shelves: Iterable[RuleShelf]) -> list[str]:
    """What is wrong; empty when all is well."""
    rules = {shelf.own.digest: shelf.own for shelf in shelves}
    said = {p: _said(site, p, rules) for p in range(site.settings.partitions)}
    return [
        *_compare("carried", _carried(site), _to_carry(site)),
        *_compare("told", _told(site), _to_tell(site, said, next(iter(shelves)))),
        *_compare("dead letters", _letters(site), _to_reject(site, said)),
        *_compare("accounts", _stored(site), _to_store(said)),
        *_unfinished(site),
        *_overdue(site, said),
        *(() if any(what == "clock_jump" for _, _, what in site.trace) else _hasty(site)),
    ]


def _compare(what: str, found: Lines, expected: Lines) -> Iterator[str]:
    """The first difference, line by line."""
    for place in sorted({*found, *expected}, key=repr):
        ours, theirs = found.get(place, []), expected.get(place, [])
        if ours != theirs:
            at = next(
                (n for n, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]),
                min(len(ours), len(theirs)),
            )
            yield (
                f"{what}, {place}: {len(ours)} and not {len(theirs)}; the first difference, at {at}"
                f"\n    found    {ours[at : at + 1]}\n    expected {theirs[at : at + 1]}"
            )


def _all(site: Site, topic: str) -> Iterator[tuple[int, LogRecord]]:
    for partition in range(site.settings.partitions):
        for record in site.broker.logs[topic, partition].read():
            yield partition, record


def _limits(site: Site) -> RawLimits:
    return RawLimits(site.settings.record_bytes_max, int(site.settings.future_skew_s * 1000))


def _to_carry(site: Site) -> Lines:
    """By partition of both topics: between two raw partitions there is no order."""
    lines = defaultdict(list)
    for partition, record in _all(site, site.topics.raw.name):
        try:
            event = parse_raw(record, _limits(site))
        except BadInput:
            continue
        key = event.subject.encode()
        to = partition_of(key, site.settings.partitions)
        lines[partition, to].append((key, encode_event(event)))
    return lines


def _carried(site: Site) -> Lines:
    """The raw partition is found by the number in the data; a repeat of all has it too."""
    origin: dict[int, int] = {}
    for partition, record in _all(site, site.topics.raw.name):
        if (number := _number(record.value)) is not None:
            origin[number] = partition
    lines = defaultdict(list)
    for partition, record in _all(site, site.topics.interactions.name):
        if not is_control(record.key):
            number = _number(record.value)
            assert number is not None, "ingest carried what nobody sent"
            lines[origin[number], partition].append((record.key, record.value))
    return lines


def _number(value: bytes | None) -> int | None:
    try:
        found = msgspec.json.decode(value or b"")["data"]["number"]
    except (msgspec.DecodeError, KeyError, TypeError):
        return None
    return int(found)


def _said(site: Site, partition: int, rules: Mapping[str, RuleSet]) -> Said:
    """A partition begins under the rule set of whoever wrote its first state. What was appended
    while the last worker stopped is not read any more.
    """
    settings, changelog = site.settings, site.broker.logs[_changelog(site), partition]
    stored = [r.value for r in changelog.read() if r.key == position_key(partition) and r.value]
    first = decode_position(stored[0]).header if stored else {}
    end = decode_position(stored[-1]).next if stored else 0
    limits = Limits(
        sequence_length=settings.sequence_length_max, remembered_ids=settings.remembered_ids_max
    )

    def new() -> BreakablePartition:
        assert first, "a state was written before anything was told"
        return BreakablePartition(
            rules[first["digest"]],
            topic=site.topics.interactions.name,
            partition=partition,
            lateness_ms=int(settings.lateness_s * 1000),
            limits=limits,
        )

    log = site.broker.logs[site.topics.interactions.name, partition].read(0, end)
    return retell(log, new, rules, int(settings.future_skew_s * 1000))


def _changelog(site: Site) -> str:
    return site.topics.follow_changelog.name


def _to_tell(site: Site, said: Mapping[int, Said], shelf: RuleShelf) -> Lines:
    announcer = FollowAgent(site.settings, site.topics, shelf)._announcer
    lines = defaultdict(list)
    for partition in said.values():
        for out in announcer.announce(((output, 0) for output in partition.outputs), 0):
            assert out.key is not None
            place = out.topic, partition_of(out.key, site.settings.partitions), out.key
            lines[place].append((EMITTED.sub(b"", out.value or b""), list(out.headers)))
    return lines


def _told(site: Site) -> Lines:
    topics = site.topics
    alerts = (topics.sla_breaches, topics.journey_breaks, topics.signals, topics.shadow_alerts)
    lines = defaultdict(list)
    for topic in (*alerts, topics.alert_state):
        for partition, record in _all(site, topic.name):
            line = EMITTED.sub(b"", record.value or b""), list(record.headers)
            lines[topic.name, partition, record.key].append(line)
    return lines


def _letters(site: Site) -> Lines:
    lines = defaultdict(list)
    for partition, record in _all(site, site.topics.dead_letters.name):
        told = {n.removeprefix("dead."): v.decode() for n, v in record.headers if n[:5] == "dead."}
        source = told["topic"], int(told["partition"])
        assert source[1] == partition
        lines[source].append((int(told["offset"]), told["reason"], record.key, record.value))
    return lines


def _to_reject(site: Site, said: Mapping[int, Said]) -> Lines:
    lines: dict[Hashable, list[Any]] = defaultdict(list)
    raw, interactions = site.topics.raw.name, site.topics.interactions.name
    for partition, record in _all(site, raw):
        try:
            parse_raw(record, _limits(site))
        except BadInput as fault:
            line = record.offset, fault.reason, record.key, record.value
            lines[raw, partition].append(line)
    for partition, one in said.items():
        log = {r.offset: r for r in site.broker.logs[interactions, partition].read()}
        for offset, reason in one.letters:
            line = offset, reason, log[offset].key, log[offset].value
            lines[interactions, partition].append(line)
    return lines


def _stored(site: Site) -> Lines:
    return {
        (partition, key.decode()): [settled(decode_account(value))]
        for partition in range(site.settings.partitions)
        for key, value in site.broker.logs[_changelog(site), partition].table().items()
        if key[:1] != b"\x00"
    }


def _to_store(said: Mapping[int, Said]) -> Lines:
    return {
        (partition, id): [settled(account)]
        for partition, one in said.items()
        for id, account in one.accounts.items()
    }


def _unfinished(site: Site) -> Iterator[str]:
    """After a stop in good order, state and outputs are up to the end of the log; control records
    may have come after that.
    """
    topics, logs = site.topics, site.broker.logs
    for source, changelog in (
        (topics.raw.name, topics.ingest_changelog.name),
        (topics.interactions.name, topics.follow_changelog.name),
    ):
        for p in range(site.settings.partitions):
            stored = logs[changelog, p].table().get(position_key(p))
            position = decode_position(stored) if stored else Position(0, {})
            left = logs[source, p].read(position.next)
            if position.told != position.next or not all(is_control(r.key) for r in left):
                yield f"{where((source, p))}: {len(left)} records are left behind {position}"


def _overdue(site: Site, said: Mapping[int, Said]) -> Iterator[str]:
    """Deadlines that are due by the clock on the wall, and were not decided."""
    until_ms = site.broker.now_ms() - int((site.settings.lateness_s + OVERDUE_S_MAX) * 1000)
    for partition, one in said.items():
        if one.next_deadline is not None and one.next_deadline < until_ms:
            yield f"{partition}: overdue for {until_ms - one.next_deadline} ms and more"


def _hasty(site: Site) -> Iterator[str]:
    """Ticks that went further than what was carried over: their deadlines did not ask whether the
    answer was there.
    """
    sent: dict[int, int] = {}
    for _, record in _all(site, site.topics.raw.name):
        if (number := _number(record.value)) is not None:
            sent[number] = record.timestamp
    lateness_ms = int(site.settings.lateness_s * 1000)
    until_ms: dict[int, int] = defaultdict(int)
    for partition, record in _all(site, site.topics.interactions.name):
        if record.key == TICK_KEY:
            tick = parse_control(TICK_KEY, record.value)
            assert isinstance(tick, Tick)
            until_ms[partition] = max(until_ms[partition], tick.clock_ms + lateness_ms)
        elif (number := _number(record.value)) is not None and sent[number] < until_ms[partition]:
            yield f"{partition}: {number} was sent before the instant that a tick before it tells"
