"""The judge: compares what the workers left in the topics with what must be there.

Every raw record carried once, in order; every output once, in order; every account's state; every
bad record in the dead letters once; positions at the end of the log; nothing overdue.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from streams.control import TICK_KEY, Tick, is_control, parse_control
from streams.position import Position, decode_position, position_key
from streams.shelf import RuleShelf
from tests.simulation import expected, found
from tests.simulation.found import Lines, number_of, read_all
from tests.simulation.retelling import Said
from tests.simulation.site import Site, where

OVERDUE_S_MAX = 5.0


def judge(site: Site, shelves: Sequence[RuleShelf]) -> list[str]:
    """What is wrong; empty when all is well."""
    rules = {shelf.own.digest: shelf.own for shelf in shelves}
    said = {p: expected.retold(site, p, rules) for p in range(site.settings.partitions)}
    return [
        *_compare("carried", found.carried(site), expected.carried(site)),
        *_compare("told", found.told(site), expected.told(site, said, shelves[0])),
        *_compare("dead letters", found.letters(site), expected.letters(site, said)),
        *_compare("accounts", found.accounts(site), expected.accounts(said)),
        *_unfinished(site),
        *_overdue(site, said),
        *(() if any(what == "clock_jump" for _, _, what in site.trace) else _hasty(site)),
    ]


def _compare(what: str, ours: Lines, theirs: Lines) -> Iterator[str]:
    """The first difference at each place. ours: what was found. theirs: what must be."""
    for place in sorted({*ours, *theirs}, key=repr):
        one, other = ours.get(place, []), theirs.get(place, [])
        if one != other:
            pairs = enumerate(zip(one, other, strict=False))
            at = next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))
            yield (
                f"{what}, {place}: {len(one)} lines, {len(other)} expected; line {at} differs\n"
                f"    found    {one[at : at + 1]}\n    expected {other[at : at + 1]}"
            )


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
    raw = read_all(site, site.topics.raw.name)
    sent = {number_of(record.value): record.timestamp for _, record in raw}
    sent.pop(None, None)
    lateness_ms = int(site.settings.lateness_s * 1000)
    until_ms: dict[int, int] = defaultdict(int)
    for partition, record in read_all(site, site.topics.interactions.name):
        if record.key == TICK_KEY:
            tick = parse_control(TICK_KEY, record.value)
            assert isinstance(tick, Tick)
            until_ms[partition] = max(until_ms[partition], tick.clock_ms + lateness_ms)
        elif sent.get(number_of(record.value), until_ms[partition]) < until_ms[partition]:
            yield f"{partition}/{record.offset}: a tick before it had passed its append time"
