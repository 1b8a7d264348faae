"""What alerts are held against: events of a type, or another rule's alerts; and how well they did.

Behind the engine. An alert is *matured* once its horizon has passed; only such alerts are judged,
since of a younger one nobody knows yet whether it was right. Terms: docs/backtest.md, Outcomes.
"""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from models.errors import BadSetting
from rules.condition import ConditionError, compile_condition
from rules.form_faults import did_you_mean
from rules.herald import HIT_STEPS
from rules.loader import RuleBook
from streams.backtest.plan import EventOutcome
from streams.codec import is_type

RULE = "rule:"
ANY = "any rule"


class Outcome(NamedTuple):
    """event: of this kind; else `rule`: its id. horizon_ms: so far ahead an alert is to tell."""

    event: EventOutcome | None
    rule: str | None
    horizon_ms: int

    def __str__(self) -> str:
        if self.event is None:
            return f"rule {self.rule} fires"
        where = f" where {self.event.where}" if self.event.where else ""
        return f"{self.event.type}{where}"


def parse_outcome(text: str, where: str | None, horizon_ms: int, book: RuleBook) -> Outcome:
    """`rule:ID` or an event type, with a condition. Raises BadSetting."""
    if text.startswith(RULE):
        id = text.removeprefix(RULE)
        known = [form.id for form in book.rules]
        if id not in known:
            raise BadSetting(f"--outcome {text}: no rule {id!r}; {did_you_mean(id, known)}")
        if where is not None:
            raise BadSetting("--outcome-where is a condition on events; a rule has its own")
        return Outcome(None, id, horizon_ms)
    if not is_type(text):
        raise BadSetting(f"--outcome {text}: an event type such as trial.ended, or rule:ID")
    if where is not None:
        try:
            compile_condition(where)
        except ConditionError as error:
            raise BadSetting(f"--outcome-where {where!r}: {error}") from None
    return Outcome(EventOutcome(text, where), None, horizon_ms)


def firings(alerts: pl.LazyFrame) -> pl.LazyFrame:
    """The first firing of each alert; warnings, repeats and escalations are none."""
    hit = (pl.col("state") == "firing") & pl.col("step").is_in(HIT_STEPS)
    return alerts.filter(hit).unique("fingerprint", keep="first", maintain_order=True)


def happened(outcome: Outcome, outcomes: pl.LazyFrame, fired: pl.LazyFrame) -> pl.LazyFrame:
    """account and `at` of what happened, each once, in order of time."""
    if outcome.event is None:
        own = fired.filter(pl.col("rule") == outcome.rule)
        return own.select("account", pl.col("occurred_at").alias("at")).sort("at")
    once = outcomes.unique(["account", "source", "id"], keep="first", maintain_order=True)
    return once.select("account", "at").sort("at")


class Judged(NamedTuple):
    """rules: a row a rule, and one for any of them. leads: rule and `lead` of each outcome that was
    told of. calibration: score against how often the outcome came.
    """

    rules: pl.DataFrame
    leads: pl.DataFrame
    calibration: pl.DataFrame
    outcomes: int


def judge(
    outcome: Outcome,
    alerts: pl.LazyFrame,
    outcomes: pl.LazyFrame,
    scores: pl.LazyFrame,
    end_ms: int,
) -> Judged:
    """Precision over matured alerts, recall over all outcomes, lead from the first alert.

    end_ms: of the run, by its clock; an alert whose horizon reaches beyond is not judged.
    """
    fired = firings(alerts)
    came = happened(outcome, outcomes, fired).collect()
    told = fired.filter(pl.col("rule") != (outcome.rule or "")).select(
        "account", "rule", pl.col("occurred_at").alias("at")
    )
    told = pl.concat([told, told.with_columns(rule=pl.lit(ANY))])
    followed = follow_up(told, came, outcome.horizon_ms, end_ms)
    leads = (
        followed.filter(pl.col("next").is_not_null())
        .group_by("rule", "account", "next")
        .agg(lead=(pl.col("next") - pl.col("at")).max())
    )
    rules = _measure(followed, leads, came.height)
    return Judged(rules, leads, calibrate(scores, came, outcome.horizon_ms, end_ms), came.height)


def _measure(followed: pl.DataFrame, leads: pl.DataFrame, outcomes: int) -> pl.DataFrame:
    """A row a rule. outcomes: how many there were."""
    lead_ms = pl.col("lead").dt.total_milliseconds()
    early = leads.group_by("rule").agg(
        warned=pl.len(),
        lead_median_s=lead_ms.median() / 1000,
        lead_p90_s=lead_ms.quantile(0.9, "linear") / 1000,
    )
    counted = followed.group_by("rule").agg(
        fired=pl.len(),
        matured=pl.col("matured").sum(),
        right=(pl.col("matured") & pl.col("next").is_not_null()).sum(),
    )
    return (
        counted.join(early, on="rule", how="left")
        .with_columns(pl.col("warned").fill_null(0))
        .with_columns(
            precision=share(pl.col("right"), pl.col("matured")),
            recall=share(pl.col("warned"), pl.lit(outcomes)),
        )
        .sort(pl.col("rule") == ANY, "rule")
    )


def follow_up(told: pl.LazyFrame, came: pl.DataFrame, horizon_ms: int, end_ms: int) -> pl.DataFrame:
    """Each with the next outcome of its account within the horizon (`next`), and `matured`."""
    horizon = pl.duration(milliseconds=horizon_ms)
    end = pl.from_epoch(pl.lit(end_ms), "ms").dt.replace_time_zone("UTC")
    first = came.lazy().with_columns(next=pl.col("at"))
    joined = told.sort("at").join_asof(
        first, on="at", by="account", strategy="forward", allow_exact_matches=False,
        check_sortedness=False,
    )  # fmt: skip
    inside = pl.when(pl.col("next") <= pl.col("at") + horizon).then(pl.col("next"))
    return joined.with_columns(next=inside, matured=pl.col("at") + horizon <= end).collect()


def share(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    """Null where there is nothing to have a share of."""
    return pl.when(whole > 0).then(part / whole)


def calibrate(
    scores: pl.LazyFrame, came: pl.DataFrame, horizon_ms: int, end_ms: int, bins: int = 10
) -> pl.DataFrame:
    """task, live, bin: of matured scores in bins of equal size the mean value, and the share
    followed. live: as the log has them, not said by this run.
    """
    live = pl.col("replay").is_null().alias("live")
    told = scores.select("account", "task", live, "value", pl.col("occurred_at").alias("at"))
    known = told.filter(pl.col("value").is_not_null())
    matured = follow_up(known, came, horizon_ms, end_ms).filter("matured")
    rank = pl.col("value").rank("ordinal").over("task", "live") - 1
    place = (rank * bins // pl.len().over("task", "live")).cast(pl.Int32)
    return (
        matured.with_columns(bin=place)
        .group_by("task", "live", "bin")
        .agg(
            scores=pl.len(),
            value=pl.col("value").mean(),
            came=pl.col("next").is_not_null().mean(),
        )
        .sort("task", "live", "bin")
    )
