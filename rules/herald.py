"""Turns a decision of a rule into the alert that the world reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from models.alert import Alert, Evidence, RuleRef, State
from models.case import Hit, Mark
from models.identity import canonical, digest
from rules.context import Context, Heard, Output
from rules.grammar import RuleForm
from rules.template import Template

TOPIC_OF_KIND = {"absence": "journey-breaks", "sla": "sla-breaches"}  # of the others: signals
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HIT_STEPS = ("match", "due")
SHADOW_TOPIC = "shadow-alerts"


class Herald:
    """One per rule. names, types: of the roles or steps, by the index that marks carry."""

    def __init__(
        self,
        form: RuleForm,
        kind: str,
        names: Sequence[str],
        types: Sequence[str],
        set_digest: str,
    ) -> None:
        self.form = form
        self.kind = kind
        self.names = names
        self.types = types
        self.template = Template(form.why, names)
        self.rule = RuleRef(id=form.id, version=form.version, digest=set_digest)
        topic = form.alert.topic or TOPIC_OF_KIND.get(kind, "signals")
        self.topic = SHADOW_TOPIC if form.status == "shadow" else topic
        self.weight = form.weight.value if form.weight else None

    def send(
        self,
        context: Context,
        account: str,
        key: Mapping[str, Any],
        state: State,
        step: str,
        at: int,
        *,
        episode: Sequence[Mark],
        evidence: Sequence[Mark],
        cause: Mark | None = None,
        due: int | None = None,
        owner: str | None = None,
        names: Sequence[str] = (),
        types: Sequence[str] = (),
        score: float | None = None,
        zone: tzinfo = UTC,
    ) -> None:
        """episode: the marks that name the instance. evidence: the events that count, in order.

        cause: the event that moved it; None when the clock did. at, due: ms. names, types: in
        place of what the episode and the rule's own triggers give.
        """
        names = names or [part for mark in episode for part in (mark.source, mark.id)]
        fingerprint = digest(self.form.id, account, canonical(key), *names)
        moved_by = (cause.source, cause.id) if cause else ("clock",)
        marks = {mark.offset: mark for mark in evidence}.values()
        alert = Alert(
            alert_id=digest(fingerprint, state, step, at, *moved_by),
            fingerprint=fingerprint,
            key=dict(key),
            state=state,
            step=step,
            kind=self.kind,
            severity=self.form.severity,
            account=account,
            rule=self.rule,
            occurred_at=_time(at),
            due_at=None if due is None else _time(due),
            why=self.template.render(account, due, self.values(marks), zone),
            evidence=tuple(self._evidence(mark, types, context) for mark in marks),
            owner=owner or self.form.owner,
            suggested_action=self.form.suggested_action,
            score=score,
            weight=self.weight,
        )
        context.out.append(Output(self.topic, alert))
        if self.form.id in context.watched:
            self._hear(context, alert, at, evidence, types)
        context.stats[f"alert:{self.form.id}:{state}"] += 1

    def values(self, marks: Sequence[Mark] | Any) -> dict[tuple[str, str], Any]:
        """What the marks kept for the sentence."""
        found: dict[tuple[str, str], Any] = {}
        if not self.template.fields:
            return found
        for mark in marks:
            name = self.names[mark.role]
            kept = [field for field in self.template.fields if field[0] == name]
            found.update(zip(kept, mark.values, strict=False))
        return found

    def _hear(
        self,
        context: Context,
        alert: Alert,
        at: int,
        evidence: Sequence[Mark],
        types: Sequence[str],
    ) -> None:
        """Others listen: a firing is a hit, a retraction takes it back; escalations are neither."""
        retracted = alert.state is State.RETRACTED
        if retracted or alert.step in HIT_STEPS:
            mark = evidence[-1]
            hit = Hit(at, self.form.id, alert.fingerprint, (types or self.types)[mark.role], mark)
            context.heard.append(Heard(hit, alert.key, retracted))

    def _evidence(self, mark: Mark, types: Sequence[str], context: Context) -> Evidence:
        return Evidence(
            type=(types or self.types)[mark.role],
            id=mark.id,
            time=_time(mark.time),
            topic=context.topic,
            partition=context.partition,
            offset=mark.offset,
        )


def _time(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)
