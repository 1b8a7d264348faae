"""The audit after a fault: all that is committed, held against what the pure core makes of it.

Two comparisons. The raw topic, parsed by the codec alone, says what the interactions and the dead
letters of `ingest` must hold. The interactions, run through the pure engine, say what every
account's state and every alert must be. Both see what a `read_committed` consumer sees.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from models.errors import BadInput
from rules.loader import load
from streams.agents.ingest import NAME as INGEST
from streams.codec import RawLimits, encode_event, parse_raw
from streams.control import is_control
from streams.record_text import dead_headers
from streams.settings import Settings
from streams.topics import Topics
from tests.e2e.workers import Verdict, judge, published, settled, stored

Letter = tuple[str, str, str]  # partition and offset of the raw record, reason


@dataclass
class Audit:
    """events: valid ones in the raw topic. over, under: of them, applied too often, not at all.

    duplicate, missing, strange: alerts seen twice, never, and that nobody expected. disordered:
    accounts whose events or alerts came in another order or with another text. wrong_states:
    accounts whose state differs, and alerts whose latest state does. letters: dead letters of
    `ingest`; letters_wrong: too many, too few. exempt: accounts that were left out.
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
    exempt: frozenset[str] = field(default_factory=frozenset)

    @property
    def faults(self) -> dict[str, int]:
        """What must be zero and is not."""
        return {
            name: count
            for name in (
                "over", "under", "duplicate", "missing", "strange", "disordered", "wrong_states",
                "letters_wrong",
            )
            if (count := getattr(self, name))
        }  # fmt: skip


async def audit(settings: Settings, exempt: frozenset[str] = frozenset()) -> Audit:
    """Read everything and compare. exempt: accounts that the fault has put out of the game."""
    load(settings.rules, settings.calendars)  # a broken rule is no fault of the worker
    found = Audit(exempt=exempt)
    await _audit_ingest(settings, found)
    said, expected = await published(settings), await judge(settings, exempt)
    _audit_accounts(said, expected, found)
    _audit_alerts(said, expected, found)
    await _audit_alert_state(settings, said, found)
    return found


async def _audit_ingest(settings: Settings, found: Audit) -> None:
    """Each valid raw record once under its account, in order; each other one a dead letter."""
    topics = Topics(settings)
    limits = RawLimits(settings.record_bytes_max, int(settings.future_skew_s * 1000))
    wanted: dict[str, list[bytes]] = defaultdict(list)
    places: dict[str, set[int]] = defaultdict(set)
    letters: Counter[Letter] = Counter()
    for partition, records in (await stored(settings, topics.raw.name)).items():
        for record in records:
            try:
                event = parse_raw(record, limits)
            except BadInput as fault:
                letters[str(partition), str(record.offset), fault.reason] += 1
            else:
                wanted[event.subject].append(encode_event(event))
                places[event.subject].add(partition)
    carried: dict[str, list[bytes]] = defaultdict(list)
    for records in (await stored(settings, topics.interactions.name)).values():
        for record in records:
            if not is_control(record.key):
                carried[(record.key or b"").decode()].append(record.value or b"")
    for account in wanted.keys() | carried.keys():
        there, here = Counter(wanted[account]), Counter(carried[account])
        found.over += (here - there).total()
        found.under += (there - here).total()
        in_order = wanted[account] == carried[account] or len(places[account]) > 1
        found.disordered += there == here and not in_order
    found.events = sum(map(len, wanted.values()))
    told = await _letters(settings)
    found.letters = told.total()
    found.letters_wrong = (told - letters).total() + (letters - told).total()


async def _letters(settings: Settings) -> Counter[Letter]:
    """Dead letters of `ingest`."""
    found: Counter[Letter] = Counter()
    for records in (await stored(settings, Topics(settings).dead_letters.name)).values():
        for told in map(dead_headers, records):
            if told.get("agent") == INGEST:
                found[told["partition"], told["offset"], told["reason"]] += 1
    return found


def _audit_accounts(said: Verdict, expected: Verdict, found: Audit) -> None:
    for id in said.accounts.keys() | expected.accounts.keys():
        if id in found.exempt:
            continue
        ours, theirs = said.accounts.get(id), expected.accounts.get(id)
        difference = (ours.applied if ours else 0) - (theirs.applied if theirs else 0)
        found.over += max(0, difference)
        found.under += max(0, -difference)
        if not difference:
            found.wrong_states += not (ours and theirs and settled(ours) == settled(theirs))


def _audit_alerts(said: Verdict, expected: Verdict, found: Audit) -> None:
    ours, theirs = said.by_topic(), expected.by_topic()
    for place in ours.keys() | theirs.keys():
        if place[0] in found.exempt:
            continue
        here = Counter(alert["alert_id"] for alert in ours[place])
        there = Counter(alert["alert_id"] for alert in theirs[place])
        found.alerts += there.total()
        found.duplicate += sum(n - there[id] for id, n in here.items() if n > there[id] > 0)
        found.strange += sum(n for id, n in here.items() if not there[id])
        found.missing += (there - here).total()
        found.disordered += here == there and ours[place] != theirs[place]


async def _audit_alert_state(settings: Settings, said: Verdict, found: Audit) -> None:
    """The compacted topic holds, by fingerprint, the alert that was told last."""
    latest = {
        alert["fingerprint"]: alert["alert_id"]
        for told in said.alerts.values()
        for _, alert in told
    }
    kept: dict[str, str] = {}
    for records in (await stored(settings, Topics(settings).alert_state.name)).values():
        for record in records:
            headers = dict(record.headers)
            kept[(record.key or b"").decode()] = headers["alert_id"].decode()
    found.wrong_states += sum(kept.get(name) != id for name, id in latest.items())
