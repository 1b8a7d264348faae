"""The audit after a fault: all that is committed, held against what the pure core makes of it.

Two comparisons. The raw topic, parsed by the codec alone, says what the interactions and the dead
letters of `ingest` must hold. The interactions, run through the pure engine, say what every
account's state and every alert must be. Both see what a `read_committed` consumer sees, record by
record, so a log may be long.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from models.account import Account
from models.alert import encode_alert
from models.errors import BadInput
from rules.loader import load
from rules.partition import Partition
from rules.ruleset import compile_rules
from rules.snapshot import ENVELOPE, decode_account
from streams.agents.ingest import NAME as INGEST
from streams.codec import RawLimits, encode_event, parse_raw
from streams.control import is_control
from streams.reader import Stored, open_reader
from streams.record_text import dead_headers
from streams.settings import Settings
from streams.topics import Topics
from tests.chaos.chain import Chain
from tests.e2e.judge import engine_for, obey, settled

Letter = tuple[str, str, str]  # partition and offset of the raw record, reason
ALERTS = ("sla-breaches", "journey-breaks", "signals")
MUST_BE_ZERO = (
    "over", "under", "duplicate", "missing", "strange", "disordered", "wrong_states",
    "letters_wrong",
)  # fmt: skip


@dataclass
class Audit:
    """events: valid ones in the raw topic. over, under: of them, applied too often, not at all.

    duplicate, missing, strange: alerts seen twice, never, and that nobody expected. disordered:
    accounts whose events or alerts came in another order or with another text. wrong_states:
    accounts whose state differs, and alerts whose latest state does. letters: dead letters of
    `ingest`; letters_wrong: too many, too few.
    """

    events: int = 0
    alerts: int = 0
    over: int = 0
    under: int = 0
    duplicate: int = 0
    missing: int = 0
    strange: int = 0
    disordered: int = 0
    wrong_states: int = 0
    letters: int = 0
    letters_wrong: int = 0

    @property
    def faults(self) -> dict[str, int]:
        """What must be zero and is not."""
        return {name: getattr(self, name) for name in MUST_BE_ZERO if getattr(self, name)}


@dataclass
class Told:
    """Alerts and accounts, as they were said or as they must be. ids: of alerts, by topic.
    texts: by account and topic, all but `emitted_at`. latest: alert id by fingerprint.
    """

    ids: Counter[tuple[str, str]] = field(default_factory=Counter)
    texts: Chain = field(default_factory=Chain)
    latest: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)

    def add(self, topic: str, value: bytes) -> None:
        """An alert."""
        alert = json.loads(value)
        del alert["emitted_at"]
        self.ids[topic, alert["alert_id"]] += 1
        self.latest[alert["fingerprint"]] = alert["alert_id"]
        self.texts.add((alert["account"], topic), json.dumps(alert, sort_keys=True).encode())


async def audit(settings: Settings, exempt: frozenset[str] = frozenset()) -> Audit:
    """Read everything and compare. exempt: accounts that the fault has put out of the game."""
    found, carried, expected = Audit(), Chain(), Told()
    rules = compile_rules(load(settings.rules, settings.calendars))
    engines: dict[int, Partition] = {}
    async for record in each(settings, Topics(settings).interactions.name):
        engine = engines.get(record.partition)
        if engine is None:
            engine = engines[record.partition] = engine_for(settings, rules, record.partition)
        if not is_control(record.key):
            carried.add((record.key or b"").decode(), record.value or b"")
        if (record.key or b"").decode() not in exempt:
            for topic, alert in obey(engine, rules, record):
                expected.add(topic, encode_alert(alert))
    for engine in engines.values():
        expected.accounts |= engine.accounts
    await _audit_ingest(settings, carried, found)
    said = await _published(settings, exempt)
    compare(said, expected, found)
    found.wrong_states += await _stale_states(settings, said)
    return found


async def each(settings: Settings, topic: str) -> AsyncIterator[Stored]:
    """All that is committed; in order within a partition."""
    async with open_reader(settings, topic) as reader:
        async for record in reader.to_end():
            yield record


async def _audit_ingest(settings: Settings, carried: Chain, found: Audit) -> None:
    """Each valid raw record once under its account, in order; each other one a dead letter."""
    topics = Topics(settings)
    limits = RawLimits(settings.record_bytes_max, int(settings.future_skew_s * 1000))
    wanted, letters, told = Chain(), Counter[Letter](), Counter[Letter]()
    places: dict[str, set[int]] = defaultdict(set)
    async for record in each(settings, topics.raw.name):
        try:
            event = parse_raw(record, limits)
        except BadInput as fault:
            letters[str(record.partition), str(record.offset), fault.reason] += 1
        else:
            found.events += 1
            wanted.add(event.subject, encode_event(event))
            places[event.subject].add(record.partition)
    difference = carried.differs(wanted)
    found.over += difference.over
    found.under += difference.under
    found.disordered += sum(len(places[str(account)]) == 1 for account in difference.disordered)
    async for record in each(settings, topics.dead_letters.name):
        headers = dead_headers(record)
        if headers.get("agent") == INGEST:
            told[headers["partition"], headers["offset"], headers["reason"]] += 1
    found.letters = told.total()
    found.letters_wrong = (told - letters).total() + (letters - told).total()


async def _published(settings: Settings, exempt: frozenset[str]) -> Told:
    """What the workers have said and kept."""
    topics, said, states = Topics(settings), Told(), dict[bytes, bytes]()
    for name in ALERTS:
        async for record in each(settings, topics.alerts(name).name):
            if (record.key or b"").decode() not in exempt:
                said.add(name, record.value or b"")
    async for record in each(settings, topics.follow_changelog.name):
        if record.key and record.key[:1] != b"\0" and record.value:
            states[record.key] = record.value
    for key, state in states.items():
        if key.decode() not in exempt:  # whichever release wrote it, see `planted.later`
            said.accounts[key.decode()] = decode_account(bytes([ENVELOPE.version]) + state[1:])
    return said


def compare(said: Told, expected: Told, found: Audit) -> None:
    """Note in `found` what differs."""
    for id in said.accounts.keys() | expected.accounts.keys():
        ours, theirs = said.accounts.get(id), expected.accounts.get(id)
        difference = (ours.applied if ours else 0) - (theirs.applied if theirs else 0)
        found.over += max(0, difference)
        found.under += max(0, -difference)
        if not difference:
            found.wrong_states += not (ours and theirs and settled(ours) == settled(theirs))
    found.alerts = expected.ids.total()
    for alert, count in (said.ids - expected.ids).items():
        if alert in expected.ids:
            found.duplicate += count
        else:
            found.strange += count
    found.missing = (expected.ids - said.ids).total()
    if said.ids == expected.ids:
        texts = said.texts.differs(expected.texts)
        found.disordered += len(texts.disordered) + texts.over


async def _stale_states(settings: Settings, said: Told) -> int:
    """Fingerprints whose record in the compacted topic is not the alert that was told last."""
    kept: dict[str, str] = {}
    async for record in each(settings, Topics(settings).alert_state.name):
        kept[(record.key or b"").decode()] = dict(record.headers)["alert_id"].decode()
    return sum(kept.get(fingerprint) != id for fingerprint, id in said.latest.items())
