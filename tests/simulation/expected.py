"""What must lie in the topics after a run: from the raw records and the pure engine alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from models.account import Limits
from models.errors import BadInput
from rules.ruleset import RuleSet
from streams.agents.follow import FollowAgent
from streams.checkpoint import partition_of
from streams.codec import RawLimits, encode_event, parse_raw
from streams.control import skew_of
from streams.position import decode_position, position_key
from streams.shelf import RuleShelf
from tests.e2e.judge import settled
from tests.simulation.breakage import BreakablePartition
from tests.simulation.found import EMITTED, Lines, read_all
from tests.simulation.retelling import Said, retell
from tests.simulation.site import Site


def retold(site: Site, partition: int, rules: Mapping[str, RuleSet]) -> Said:
    """A partition begins under the rule set of whoever wrote its first state. What was appended
    while the last worker stopped is not read any more.
    """
    settings, logs = site.settings, site.broker.logs
    changelog = logs[site.topics.follow_changelog.name, partition]
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

    log = logs[site.topics.interactions.name, partition].read(0, end)
    return retell(log, new, rules, skew_of(settings))


def _limits(site: Site) -> RawLimits:
    return RawLimits(site.settings.record_bytes_max, int(site.settings.future_skew_s * 1000))


def carried(site: Site) -> Lines:
    """By partition of both topics: between two raw partitions there is no order."""
    lines = defaultdict(list)
    for partition, record in read_all(site, site.topics.raw.name):
        try:
            event = parse_raw(record, _limits(site))
        except BadInput:
            continue
        key = event.subject.encode()
        to = partition_of(key, site.settings.partitions)
        lines[partition, to].append((key, encode_event(event)))
    return lines


def told(site: Site, said: Mapping[int, Said], shelf: RuleShelf) -> Lines:
    announcer = FollowAgent(site.settings, site.topics, shelf)._announcer  # names and headers
    lines = defaultdict(list)
    for partition in said.values():
        for out in announcer.announce(((output, 0) for output in partition.outputs), 0):
            assert out.key is not None
            place = out.topic, partition_of(out.key, site.settings.partitions), out.key
            lines[place].append((EMITTED.sub(b"", out.value or b""), list(out.headers)))
    return lines


def letters(site: Site, said: Mapping[int, Said]) -> Lines:
    lines = defaultdict(list)
    raw, interactions = site.topics.raw.name, site.topics.interactions.name
    for partition, record in read_all(site, raw):
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


def accounts(said: Mapping[int, Said]) -> Lines:
    return {
        (partition, id): [settled(account)]
        for partition, one in said.items()
        for id, account in one.accounts.items()
    }
