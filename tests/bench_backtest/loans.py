"""The loan log (BPI Challenge 2012) for the benchmark: its mapping and 20 rules on it.

The log itself does not ship; `DATA` says where it lies.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench.rules import write_rules

FILE = "bpic2012_loan_applications.csv.gz"
OUTCOME = "loan.a_cancelled.complete"
MAPPING = """\
account: "{case}"
type: "loan.{activity}.{lifecycle}"
time: {column: time}
data: {amount: {column: amount_requested, as: int}, resource: resource}
"""


def trigger(name: str, where: str | None = None) -> dict[str, Any]:
    """`o_sent` is `loan.o_sent.complete`."""
    type = f"loan.{name}" if "." in name else f"loan.{name}.complete"
    return {"type": type} if where is None else {"type": type, "where": where}


def sla(id: str, start: Any, stop: str, within: str, **more: Any) -> dict[str, Any]:
    begin = start if isinstance(start, dict) else trigger(start)
    ends = {"start": begin, "stop": trigger(stop)}
    return {"id": id, "kind": "sla", **ends, "goal": {"within": within}, **more}


def absence(id: str, anchor: Any, expect: str, after: str, **more: Any) -> dict[str, Any]:
    begin = anchor if isinstance(anchor, dict) else trigger(anchor)
    ends = {"anchor": begin, "expect": trigger(expect)}
    return {"id": id, "kind": "absence", **ends, "deadline": {"after": after}, **more}


def sequence(id: str, *names: Any, within: str, **more: Any) -> dict[str, Any]:
    steps = [name if isinstance(name, dict) else trigger(name) for name in names]
    return {"id": id, "kind": "sequence", "steps": steps, "within": within, **more}


LARGE = "data.amount >= 20000"
CALL, DOSSIER = "w_nabellen_offertes", "w_nabellen_incomplete_dossiers"
SQL_RULES = [  # those that tests/bench_backtest/sql.py says in SQL, too
    sla("sql.offer-unanswered", "o_sent", "o_sent_back", "7d"),
    sequence("sql.sent-then-called", "o_sent", f"{CALL}.schedule", within="1h",
             contiguity="strict", skip="to_next"),
    sequence("sql.three-calls", *[f"{CALL}.complete"] * 3, within="3d", skip="to_next"),
]  # fmt: skip
RULES = [
    *SQL_RULES,
    sla("application.accepted", trigger("a_preaccepted", LARGE), "a_accepted", "5d"),
    sla("application.finalized", "a_accepted", "a_finalized", "1d"),
    sla("offer.created", "a_accepted", "o_created", "2d", escalate=[{"after": "1d", "to": "lead"}]),
    sla("file.validated", "o_sent_back", "w_valideren_aanvraag.start", "4d", warn_at=[0.8]),
    sla("lead.followed", "w_afhandelen_leads.schedule", "w_afhandelen_leads.start", "12h"),
    absence("application.silent", trigger("a_preaccepted", LARGE), "a_accepted", "10d"),
    absence("offer.silent", trigger("o_sent", LARGE), "o_sent_back", "21d", warn_at=[0.7]),
    absence("offer.no-call", "o_sent", f"{CALL}.complete", "7d"),
    absence("dossier.left", f"{DOSSIER}.start", f"{DOSSIER}.complete", "5d", measure="since_last"),
    absence("registered.not-activated", "a_registered", "a_activated", "1d"),
    absence("validation.left", "w_valideren_aanvraag.start", "w_valideren_aanvraag.complete", "2d"),
    sequence("offer.cancelled", "o_sent", "o_cancelled", within="30d"),
    sequence("offer.twice", "o_sent", "o_sent", within="10d"),
    sequence("offer.back-declined", "o_sent_back", "a_declined", within="20d"),
    sequence("offer.back-approved", "o_sent_back", "a_approved", within="20d"),
    sequence("fraud.then-approved", "w_beoordelen_fraude.complete", "a_approved", within="30d"),
    sequence("lead.lost", "w_afhandelen_leads.complete", trigger("a_declined", LARGE), within="1d"),
]  # fmt: skip


WEIGHTS = {
    "offer.cancelled": {"value": -0.8, "half_life": "14d"},
    "offer.back-approved": {"value": 0.9, "half_life": "14d"},
}
WEIGHED = [
    {**rule, "weight": WEIGHTS[rule["id"]]} if rule["id"] in WEIGHTS else rule for rule in RULES
]
"""The same with the momentum of two of them."""


def write_inputs(folder: Path, rules: Sequence[dict[str, Any]] = RULES) -> tuple[Path, Path]:
    """(mapping, folder of the rules)."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    mapping = folder / "loans.map.yml"
    mapping.write_text(MAPPING, "utf-8")
    return mapping, write_rules(folder / "rules", rules)
