"""Runs the tests inside rule files, through the same engine as live.

Every rule is alone in a partition of its own, a composite with its members. The clock ticks to the
`at` of each line of the timeline before the line arrives, and at the end to `run_until`; lateness
is 0. What the rule says must be what the test expects: one alert too many or too few fails.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from typing import Any

from models.alert import Alert
from models.event import Event, place, to_ms
from rules.context import Output
from rules.grammar import Feed, RuleForm
from rules.grammar_tests import Expected, RuleTest, TestEvent
from rules.loader import RuleBook
from rules.membership import below
from rules.partition import Partition
from rules.ruleset import RuleSet, compile_rules
from rules.timespan import span


@dataclass(frozen=True)
class Outcome:
    """How one test ended. timeline: what happened, line by line. differences: none, it passed."""

    rule: str
    test: str
    file: str
    line: int
    timeline: tuple[str, ...]
    differences: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.differences

    def __str__(self) -> str:
        """For people: the place, the timeline and what differs."""
        lines = [f"{self.file}:{self.line}: {self.test}", "  timeline"]
        lines += [f"    {line}" for line in self.timeline or ["(nothing)"]]
        lines += ["  differences", *(f"    {line}" for line in self.differences)]
        return "\n".join(lines)


def check(book: RuleBook, ids: Collection[str] = ()) -> list[Outcome]:
    """Run the tests of all rules that are active or shadow, or of those in `ids`."""
    outcomes = []
    forms = {form.id: form for form in book.rules}
    for form in book.rules:
        own = {form.id, *below(form.id, forms)}
        rules = compile_rules(replace(book, rules=tuple(f for f in book.rules if f.id in own)))
        if form.id not in rules.rules or (ids and form.id not in ids):
            continue
        for i, test in enumerate(form.tests):
            where = book.documents[form.id].fault(("tests", i), "")
            timeline, differences = check_test(rules, form, test)
            outcomes.append(
                Outcome(form.id, test.name, where.file, where.line, timeline, differences)
            )
    return outcomes


def check_test(
    rules: RuleSet, form: RuleForm, test: RuleTest
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(timeline, differences) of one test."""
    partition = Partition(rules, topic="test", partition=0, lateness_ms=0)
    start_ms = to_ms(test.start)
    feeds: dict[str, Feed] = getattr(form, "feeds", {})
    timeline: list[str] = []
    alerts: list[Alert] = []

    def hear(outputs: Sequence[Output]) -> None:
        for output in outputs:
            if output.alert.rule.id != form.id:
                continue
            alerts.append(output.alert)
            timeline.extend(_told(output.alert, len(alerts), test.start))

    in_order = sorted(test.events, key=lambda line: line.at.amount)
    for offset, line in enumerate(in_order):
        hear(partition.tick(start_ms + line.at.amount))
        timeline.append(_happened(line))
        if line.type is not None:
            hear(partition.advance(place(_event(line, line.type, test.start, offset), offset)))
        for feed, state in (line.feed or {}).items():
            hear(partition.feed(feed, feeds[feed].max_stale.amount, state == "stale", lead=False))
    if test.run_until is not None:
        hear(partition.tick(start_ms + test.run_until.amount))
    differences = _differences(test, alerts)
    for name, times in sorted(partition.stats.items()):
        if name.startswith(("fault:", "evicted:")):
            differences.append(f"the engine counted {name} {times} time(s)")
    return tuple(timeline), tuple(differences)


def _event(line: TestEvent, type: str, start: datetime, offset: int) -> Event:
    time = line.at if line.time is None else line.time
    return Event(
        specversion="1.0",
        id=line.id or f"event-{offset + 1}",
        source=line.source,
        type=type,
        time=start + timedelta(milliseconds=time.amount),
        subject=line.account,
        data=line.data,
        actorkind=line.actorkind,
        provenance=line.provenance,
        accounttz=line.accounttz,
    )


def _differences(test: RuleTest, alerts: Sequence[Alert]) -> list[str]:
    wanted = [_wanted(expected, test.start) for expected in test.expect]
    told = [_fields(alert) for alert in alerts]
    matcher = SequenceMatcher(None, _keys(wanted), _keys(told), autojunk=False)
    lines: list[str] = []
    for _, i, i_end, j, j_end in matcher.get_opcodes():
        for n in range(max(i_end - i, j_end - j)):
            if j + n >= j_end:
                lines.append(f"missing: {_short(wanted[i + n], test.start)}")
            elif i + n >= i_end:
                lines.append(f"too many: {_short(told[j + n], test.start)}")
            else:
                for name, value in wanted[i + n].items():
                    found = told[j + n][name]
                    if found != value:
                        lines.append(
                            f"alert {j + n + 1}: {name}: expected {_text(value, test.start)},"
                            f" was {_text(found, test.start)}"
                        )
    return lines


def _keys(alerts: list[dict[str, Any]]) -> list[tuple[datetime, str]]:
    return [(alert["at"], alert["state"]) for alert in alerts]


def _wanted(expected: Expected, start: datetime) -> dict[str, Any]:
    """The fields that the test names."""
    at = expected.at
    names = [name for name in type(expected).model_fields if name in expected.model_fields_set]
    fields = {name: getattr(expected, name) for name in names}
    if not isinstance(at, datetime):
        at = start + timedelta(milliseconds=at.amount)
    return {**fields, "at": at, "state": expected.state.value}


def _fields(alert: Alert) -> dict[str, Any]:
    return {
        "at": alert.occurred_at,
        "state": alert.state.value,
        "account": alert.account,
        "step": alert.step,
        "due": alert.due_at,
        "key": alert.key,
        "owner": alert.owner,
        "why": alert.why,
    }


def _happened(line: TestEvent) -> str:
    parts = [f"{span(line.at.amount):>10}"]
    parts += [f"feed {name} {state}" for name, state in (line.feed or {}).items()]
    if line.type is not None:
        parts.append(f"{line.type} {line.account}")
        if line.time is not None:
            parts.append(f"of {span(line.time.amount)}")
        parts += [f"{name}={value!r}" for name, value in line.data.items()]
    return "  ".join(parts)


def _told(alert: Alert, number: int, start: datetime) -> tuple[str, str]:
    """The number is the one that differences name it by."""
    after = span((alert.occurred_at - start) // timedelta(milliseconds=1))
    head = f"{after:>10}  -> alert {number}: "
    return head + _short(_fields(alert), start), f"{'':>13}  {alert.why}"


def _short(fields: dict[str, Any], start: datetime) -> str:
    names = [name for name in ("step", "account", "key", "owner") if fields.get(name)]
    rest = [f"{name} {_plain(fields[name])}" for name in names]
    return ", ".join([f"{fields['state']} at {_text(fields['at'], start)}", *rest])


def _plain(value: Any) -> str:
    """A key as it is read, `data.ticket=T-1`, not as Python has it."""
    if isinstance(value, dict):
        return " ".join(f"{name}={part}" for name, part in value.items())
    return str(value)


def _text(value: Any, start: datetime) -> str:
    """An instant in the test's own offset, and as time after its start."""
    if not isinstance(value, datetime):
        return repr(value)
    after = (value - start) // timedelta(milliseconds=1)
    return f"{value.astimezone(start.tzinfo).isoformat()} ({span(after)})"
