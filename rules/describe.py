"""A rule said in words, for those who did not write it: `pathline rules describe ID`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.duration import Duration
from rules.loader import RuleBook
from rules.overlay import Change, Overlaid

LABELS: dict[str, dict[str, str]] = {
    "sla": {
        "start": "starts with",
        "stop": "stops with",
        "pause": "pauses with",
        "resume": "goes on with",
        "cancel": "is cancelled by",
        "restart": "at a new start",
        "goal": "must stop",
        "warn_at": "warns after",
        "escalate": "when missed",
    },
    "absence": {
        "anchor": "begins with",
        "expect": "expects",
        "until": "is cancelled by",
        "restart": "at a new beginning",
        "measure": "measures",
        "deadline": "at the latest",
        "warn_at": "warns after",
    },
    "sequence": {
        "steps": "step",
        "contiguity": "steps are",
        "without": "is ended by",
        "within": "all within",
        "skip": "after a match",
    },
}
COMMON = {"key": "one case per", "feeds": "waits for feed", "late": "late events", "why": "says"}
VALUES = {
    "strict": "the account's very next events",
    "relaxed": "in order, others may lie between",
    "past_last": "the next match begins after it",
    "to_next": "matches may overlap",
    "on_new_start": "a new clock starts",
    "ignore": "the first clock goes on",
    "since_anchor": "from the beginning",
    "since_last": "from each expected event to the next",
    "on_day": "the last day alone",
}


def describe(book: RuleBook, rule_id: str) -> list[tuple[str, str]]:
    """(label, text) pairs, in the order in which they are read; only what the file says.

    Raises KeyError when there is no such rule.
    """
    document = book.documents[rule_id]
    raw = document.value
    rows = [
        ("rule", f"{raw['id']} {raw['version']}"),
        ("title", raw["title"]),
        ("kind", f"{raw['kind']}, {raw['status']}, {raw['severity']}"),
        ("owner", raw.get("owner") or "nobody"),
    ]
    for field, label in {**LABELS.get(raw["kind"], {}), **COMMON}.items():
        if field in raw:
            rows += [(label, text) for text in _lines(field, raw[field])]
    if raw.get("suggested_action"):
        rows.append(("then", raw["suggested_action"]))
    silent = sum(not test["expect"] for test in raw["tests"])
    rows.append(("tests", f"{len(raw['tests'])}, {silent} of them silent"))
    if isinstance(document, Overlaid):
        rows += [("overlay", _change(change)) for change in document.changes]
    return rows


def _change(change: Change) -> str:
    return f"{change.name}: {change.value}, in the rule {change.was} ({change.where})"


def _lines(field: str, value: Any) -> list[str]:
    if field == "steps":
        return [_trigger(step) for step in value]
    if field == "goal":
        return [f"within {_deadline(value)}"]
    if field == "deadline":
        return [_deadline(value)]
    if field == "warn_at":
        return [", ".join(f"{fraction:.0%}" for fraction in value) + " of the time"]
    if field == "escalate":
        return [f"{_after(step['after'])} to {step['to']}" for step in value]
    if field == "feeds":
        return [
            f"{name}, when it is silent for {feed['max_stale']}" for name, feed in value.items()
        ]
    if field == "key":
        return [", ".join(value)]
    if isinstance(value, dict) and "type" in value:
        return [_trigger(value)]
    if isinstance(value, dict):
        return [", ".join(f"{name} {part}" for name, part in value.items())]
    return [VALUES.get(value, str(value))]


def _trigger(raw: Mapping[str, Any]) -> str:
    parts = [raw["type"]]
    if raw.get("where"):
        parts.append(f"where {raw['where']}")
    gap = raw.get("gap") or {}
    if gap:
        least, most = gap.get("min", "0s"), gap.get("max")
        parts.append(f"from {least} to {most} after" if most else f"at least {least} after")
    return " ".join(parts)


def _deadline(raw: Mapping[str, Any]) -> str:
    if "day_number" in raw:
        zone = "the account's" if raw["tz"] == "account" else raw["tz"]
        return f"the end of day {raw['day_number']} ({zone} time)"
    calendar = f" of {raw['calendar']}" if raw.get("calendar") else ""
    return f"{raw.get('within') or raw.get('after')}{calendar}"


def _after(text: str) -> str:
    return f"{text} later" if Duration.parse(text).amount else "at once"
