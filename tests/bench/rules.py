"""Twenty rules of the three kinds for the benchmarks, as mappings."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from tests.story import COMMON, TESTS

LONG = "data.dwell_s > 180.0"


def _sequence(id: str, *types: str, within: str, contiguity: str = "relaxed") -> dict[str, Any]:
    first, *rest = types
    steps: list[dict[str, Any]] = [{"type": first, "where": LONG}, *({"type": t} for t in rest)]
    return {
        "id": id,
        "kind": "sequence",
        "steps": steps,
        "within": within,
        "contiguity": contiguity,
    }


def _sla(id: str, start: str, stop: str, goal: str, **more: Any) -> dict[str, Any]:
    return {
        "id": id,
        "kind": "sla",
        "start": {"type": start},
        "stop": {"type": stop},
        "goal": {"within": goal},
        **more,
    }


def _absence(id: str, anchor: str, expect: str, after: str, **more: Any) -> dict[str, Any]:
    return {
        "id": id,
        "kind": "absence",
        "anchor": {"type": anchor},
        "expect": {"type": expect},
        "deadline": {"after": after},
        **more,
    }


RULES: list[dict[str, Any]] = [
    _sequence(
        "seq-paper", "competitor.compared", "paper.downloaded", within="10m", contiguity="strict"
    ),
    _sequence("seq-case", "competitor.compared", "case_study.downloaded", within="1h"),
    _sequence("seq-price-meet", "pricing.viewed", "meeting.booked", within="2h"),
    _sequence("seq-mail", "mail.opened", "mail.clicked", "meeting.booked", within="6h"),
    _sequence("seq-trial-price", "trial.started", "pricing.viewed", within="1d"),
    _sequence("seq-contract", "contract.sent", "contract.revised", "contract.revised", within="1d"),
    _sequence("seq-ticket-again", "ticket.opened", "ticket.opened", within="4h"),
    _sla("sla-legal", "contract.revised", "legal.replied", "2h"),
    _sla("sla-legal-day", "contract.revised", "legal.replied", "1d", warn_at=[0.8]),
    _sla("sla-service", "ticket.opened", "service.replied", "4h"),
    _sla("sla-service-day", "ticket.opened", "service.replied", "1d", restart="ignore"),
    _sla("sla-onboard", "trial.started", "feature.used", "3d"),
    _sla("sla-meeting", "meeting.booked", "contract.sent", "30d", restart="ignore"),
    _absence("abs-trial", "trial.started", "feature.used", "11d"),
    _absence("abs-usage", "trial.started", "feature.used", "14d", measure="since_last"),
    _absence("abs-contract", "contract.sent", "contract.revised", "21d"),
    _absence("abs-case", "case_study.downloaded", "meeting.booked", "21d", restart="ignore"),
    _absence("abs-legal", "legal.replied", "contract.sent", "30d"),
    _absence("abs-service", "service.replied", "page.viewed", "5d"),
    _absence("abs-paper", "paper.downloaded", "pricing.viewed", "14d"),
]


def filled(rule: dict[str, Any]) -> dict[str, Any]:
    """With what the grammar demands of every rule."""
    return {**COMMON, "tests": TESTS, **rule}


def write_rules(folder: Path, rules: Iterable[dict[str, Any]]) -> Path:
    """One YAML file a rule; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for rule in rules:
        text = yaml.safe_dump(filled(rule), sort_keys=False)
        (folder / f"{rule['id']}.yml").write_text(text, "utf-8")
    return folder
