"""The rules for the service desk on its real log, against what the log says in plain sight."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import timedelta

import pytest

from models.alert import Alert, State
from models.event import CloudEvent, Event, place
from rules.loader import load
from rules.partition import Partition
from rules.ruleset import compile_rules
from streams.settings import Settings
from streams.sources import service_desk

Tickets = dict[str, dict[str, list[CloudEvent]]]


@pytest.fixture(scope="module")
def events() -> list[CloudEvent]:
    return service_desk.load()


@pytest.fixture(scope="module")
def tickets(events: list[CloudEvent]) -> Tickets:
    """Events by ticket and type."""
    found: Tickets = defaultdict(lambda: defaultdict(list))
    for event in events:
        found[event.data["ticket"]][event.type].append(event)
    return found


@pytest.fixture(scope="module")
def fired(events: list[CloudEvent]) -> list[Alert]:
    settings = Settings()
    rules = compile_rules(load(settings.rules, settings.calendars))
    partition = Partition(rules, topic="interactions", partition=0, lateness_ms=10_000)
    outputs = []
    for offset, event in enumerate(events):
        placed = Event(**{name: getattr(event, name) for name in event.__struct_fields__})
        outputs += partition.advance(place(placed, offset))
    outputs += partition.tick(partition.clock + 30 * 86_400_000)
    assert not [name for name in partition.stats if name.startswith(("evicted:", "fault:"))]
    return [output.alert for output in outputs if output.alert.state is State.FIRING]


def named(alerts: Iterable[Alert], rule: str) -> Counter[str]:
    return Counter(a.key["data.ticket"] for a in alerts if a.rule.id == rule)


def test_a_first_response_is_late_where_the_log_says_so(
    fired: list[Alert], tickets: Tickets
) -> None:
    late = Counter[str]()
    for ticket, by_type in tickets.items():
        (opened,) = by_type["incident.opened"]
        answers = by_type["incident.responded"] + by_type["incident.closed"]
        late[ticket] = all(a.time - opened.time >= timedelta(hours=4) for a in answers)
    assert named(fired, "incident.first-response-4h") == +late


def test_an_incident_that_is_handed_on_three_times_in_two_days_is_told(
    fired: list[Alert], tickets: Tickets
) -> None:
    """Tickets that were resolved only after all of it: the rule starts anew at a resolution."""
    told = named(fired, "incident.reassigned-three-times")
    for ticket, by_type in tickets.items():
        times = [event.time for event in by_type["incident.reassigned"]]
        ends = [event.time for event in by_type["incident.resolved"]]
        if not ends or not times or min(ends) > max(times):
            threes = zip(times, times[1:], times[2:], strict=False)
            ran = any(last - first < timedelta(days=2) for first, _, last in threes)
            assert bool(told[ticket]) == ran, ticket


def test_every_rule_of_the_service_desk_has_something_to_say(fired: list[Alert]) -> None:
    settings = Settings()
    book = load(settings.rules, settings.calendars)
    desk = {form.id for form in book.rules if "service-desk" in form.tags}
    assert desk
    assert desk <= {alert.rule.id for alert in fired}
