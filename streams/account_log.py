"""One account's log for `explain`: from a file of events, or from the topics of running workers.

Beside the data path. Workers are not asked and not disturbed: what they keep of the account is read
from their changelog, what happened to it from the interactions, all of it by nobody's group.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from aiokafka import TopicPartition

from models.account import Account, Limits
from models.errors import BadInput, BadSetting
from rules.context import Context
from rules.explaining.moments import Entry, FeedTurn, Forgotten, Passed
from rules.loader import RuleBook, parse
from rules.snapshot import decode_account
from streams.checkpoint import partition_of
from streams.codec import RawLimits, parse_event
from streams.control import Erase, Feed, Skew, Tick, is_control, parse_control, skew_of
from streams.job import Record
from streams.jsonl import BadLine, open_lines, read_lines
from streams.keyring import load_keyring
from streams.position import Position, decode_position, position_key
from streams.reader import Stored, open_reader
from streams.seal import Seal
from streams.settings import Settings
from streams.shelf import fetch_from
from streams.topics import Topics

FAR_MS = 4_102_444_800_000  # 2100: no event of a file is too new


class Kept(NamedTuple):
    """What the workers keep. book: the active rule set. next: the state holds all before it.

    account: None, nothing. context: clock and stale feeds of the partition.
    """

    book: RuleBook
    partition: int
    next: int
    account: Account | None
    context: Context


def read_file(name: str, account: str, settings: Settings) -> Iterator[Entry]:
    """The entries of a file of CloudEvents, in its order; other accounts move the clock.

    Raises BadSetting for a line that is no event.
    """
    lateness_ms = int(settings.lateness_s * 1000)
    limits = RawLimits(settings.record_bytes_max, 0)
    with open_lines(name) as file:
        for line in read_lines(file, limits, FAR_MS):
            if isinstance(line, BadLine):
                raise BadSetting(f"{name}:{line.number}: {line.reason}: {line.detail}")
            event = parse_event(line.value, line.number)
            yield event if event.subject == account else Passed(event.at - lateness_ms)


async def read_kept(settings: Settings, account: str) -> Kept:
    """The last state that a worker has committed. Raises BadSetting when there is none."""
    topics, key = Topics(settings), account.encode()
    partition = partition_of(key, settings.partitions)
    changelog = topics.follow_changelog.name
    state: bytes | None = None
    position: Position | None = None
    async with open_reader(settings, changelog) as reader:
        await reader.seek_time([TopicPartition(changelog, partition)], 0)
        async for record in reader.to_end():
            if record.key == key:
                state = record.value
            elif record.key == position_key(partition) and record.value:
                position = decode_position(record.value)
    if position is None or not position.header:
        raise BadSetting(
            f"no worker of {settings.app_id} has written a state of partition {partition} yet;"
            " to explain from a file, add --from FILE.jsonl"
        )
    context = Context(topics.interactions.name, partition, Limits())
    context.clock = position.header["clock"]
    context.stale = {(name, max_stale) for name, max_stale in position.header["feeds"]}
    book = await _active_book(settings, topics, position.header["digest"])
    found = decode_account(state) if state else None
    return Kept(book, partition, position.next, found, context)


async def _active_book(settings: Settings, topics: Topics, digest: str) -> RuleBook:
    keyring = load_keyring(settings.control_key_file)
    content = await fetch_from(settings, topics.rules.name, keyring)(digest)
    if content is None:
        raise BadSetting(f"{topics.rules.name} does not hold the active rule set {digest}")
    return parse(content)


async def read_log(settings: Settings, account: str, kept: Kept, since_ms: int) -> list[Entry]:
    """What was appended to the account's partition since then, up to what the state holds."""
    topic = Topics(settings).interactions.name
    skew = skew_of(settings)
    seal = Seal(load_keyring(settings.control_key_file), (topic, kept.partition))
    entries: list[Entry] = []
    async with open_reader(settings, topic) as reader:
        await reader.seek_time([TopicPartition(topic, kept.partition)], since_ms)
        async for record in reader.to_end():
            if record.offset >= kept.next:
                break
            entry = _entry(record, account, seal, skew)
            if isinstance(entry, Passed) and entries and isinstance(entries[-1], Passed):
                entries[-1] = max(entries[-1], entry)
            elif entry is not None:
                entries.append(entry)
    return entries


def _entry(record: Stored, account: str, seal: Seal, skew: Skew) -> Entry | None:
    """None for what the workers refuse, and for what does not concern the account."""
    try:
        if is_control(record.key):
            return _control(record, account, seal, skew)
        event = parse_event(record.value, record.offset)
    except BadInput:
        return None
    return event if event.subject == account else Passed(event.at - skew.lateness_ms)


def _control(record: Record, account: str, seal: Seal, skew: Skew) -> Entry | None:
    if seal.check(record):
        return None
    match parse_control(record.key or b"", record.value):
        case Tick() as tick:
            return Passed(skew.clock_of(tick, record.timestamp))
        case Feed(feed=feed, max_stale_ms=max_stale_ms, stale=stale):
            return FeedTurn(feed, max_stale_ms, stale)
        case Erase(account=erased) if erased == account:
            return Forgotten()
    return None
