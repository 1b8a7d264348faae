"""Overlays: one customer's own thresholds and owners, on rules that stay as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import BadRule, BadSetting
from rules.check import check
from rules.describe import describe
from rules.grammar import SequenceRule, SlaRule
from rules.loader import KINDS, RuleBook, load, parse
from rules.overlay import OPEN, Change, Overlaid
from rules.ruleset import compile_rules

RULE = """\
id: legal.replies
version: 1.0.0
kind: sla
title: Legal answers
status: active
severity: error
owner: legal
why: legal has not answered by {{due}}
start: {type: contract.revised}
stop: {type: legal.replied}
goal: {within: 2h}
warn_at: [0.5]
tests:
  - name: two hours pass
    start: 2026-03-02T09:00:00+08:00
    events: [{at: 0h, type: contract.revised}]
    run_until: 1d
    expect: [{at: 1h, state: pending}, {at: 2h, state: firing}]
  - name: answered
    start: 2026-03-02T09:00:00+08:00
    events: [{at: 0h, type: contract.revised}, {at: 30m, type: legal.replied}]
    run_until: 1d
    expect: []
"""
PAPER = """\
id: buying.paper
version: 1.0.0
kind: sequence
title: Compares, then reads
status: active
severity: info
owner: sales
why: w
steps:
  - {as: compare, type: page.viewed}
  - {as: paper, type: document.downloaded}
  - {type: demo.booked}
within: 2d
tests:
  - name: fires
    start: 2026-03-02T09:00:00+08:00
    events:
      - {at: 0h, type: page.viewed}
      - {at: 20m, type: document.downloaded}
      - {at: 30m, type: demo.booked}
    expect: [{at: 30m, state: firing}]
  - {name: silent, start: 2026-03-02T09:00:00+08:00, events: [], expect: []}
"""
CALENDAR = (
    'id: office\nversion: "1"\ntz: UTC\nweek: {mon-fri: ["09:00-18:00"]}\nyears: {2026: {}}\n'
)


class Customer:
    """A folder of rules and one overlay, `acme.yml`, beside it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name, text in {
            "rules/legal.replies.yml": RULE,
            "rules/buying.paper.yml": PAPER,
            "calendars/office.yml": CALENDAR,
        }.items():
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_text(text, "utf-8")

    def load(self, overlay: str | None = None, place: str = "acme.yml") -> RuleBook:
        path = self.root / place
        if overlay is not None:
            path.write_text(overlay, "utf-8")
        folders = self.root / "rules", self.root / "calendars"
        return load(*folders, None if overlay is None else path)

    def faults(self, overlay: str) -> list[str]:
        with pytest.raises(BadRule) as caught:
            self.load(overlay)
        return [str(fault).replace(f"{self.root}/", "") for fault in caught.value.faults]


@pytest.fixture
def customer(tmp_path: Path) -> Customer:
    return Customer(tmp_path)


def sla(book: RuleBook) -> SlaRule:
    (form,) = [form for form in book.rules if isinstance(form, SlaRule)]
    return form


def test_what_the_overlay_sets_stands_in_place_of_the_rules_own(customer: Customer) -> None:
    form = sla(
        customer.load(
            "rules:\n  legal.replies: {goal: {within: 4bh, calendar: office}, owner: legal-apac,"
            " status: shadow, warn_at: [0.25, 0.75]}\n"
        )
    )
    assert (form.goal.within.amount, form.goal.calendar) == (4 * 3600, "office")
    assert (form.owner, form.status, form.warn_at) == ("legal-apac", "shadow", (0.25, 0.75))
    assert (form.severity, form.start.type) == ("error", "contract.revised")


def test_items_of_a_list_are_set_by_name_or_number(customer: Customer) -> None:
    book = customer.load(
        "rules:\n  buying.paper: {steps: {paper: {gap: {max: 1h}}, step_3: {gap: {min: 1m}}}}\n"
    )
    form = book.rules[0]
    assert isinstance(form, SequenceRule)
    assert [step.type for step in form.steps] == [
        "page.viewed", "document.downloaded", "demo.booked",
    ]  # fmt: skip
    gaps = [step.gap for step in form.steps]
    assert gaps[0] is None
    assert gaps[1] is not None
    assert gaps[2] is not None
    assert (gaps[1].max, gaps[2].max) == (form.within.__class__(3_600_000, "wall"), None)


def test_the_digest_covers_the_overlay_and_the_content_carries_it(customer: Customer) -> None:
    plain = customer.load()
    laid = customer.load("rules: {legal.replies: {owner: legal-apac}}\n")
    assert laid.digest != plain.digest
    published = parse(laid.content)
    assert (published.digest, sla(published).owner) == (laid.digest, "legal-apac")
    assert customer.load("rules: {legal.replies: {owner: legal}}\n").digest == plain.digest


def test_an_overlay_may_lie_among_the_rules(customer: Customer) -> None:
    book = customer.load("rules: {legal.replies: {owner: legal-apac}}\n", "rules/overlay.yml")
    assert sorted(book.documents) == ["buying.paper", "legal.replies"]


def test_a_rule_that_is_switched_off_does_not_run(customer: Customer) -> None:
    book = customer.load("rules: {legal.replies: {status: draft}}\n")
    assert list(compile_rules(book).rules) == ["buying.paper"]


def test_the_rules_own_tests_run_with_it_when_it_is_loaded(customer: Customer) -> None:
    def failed(book: RuleBook) -> list[str]:
        return [outcome.test for outcome in check(book) if not outcome.passed]

    assert failed(customer.load()) == []
    assert failed(customer.load("rules: {legal.replies: {goal: {within: 3h}}}\n")) == [
        "two hours pass"
    ]


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ("goal: {within: 4}", "acme.yml:3:24: 4 is not a duration"),
        ("goal: {within: 2bh}", "acme.yml:3:15: business time (bh, bd) needs `calendar`"),
        (
            "goal: {within: 2bh, calendar: ofice}",
            "acme.yml:3:39: no calendar 'ofice'; did you mean 'office'?",
        ),
        ("goal: {wihtin: 4h}", "acme.yml:3:16: unknown field 'wihtin'; did you mean 'within'?"),
        ("severity: loud", "acme.yml:3:19: 'loud' is not known"),
        ("warn_at: [0.9, 0.5]", "acme.yml:3:18: fractions of the goal, rising"),
        ("gaol: {within: 4h}", "acme.yml:3:9: unknown field 'gaol'; did you mean 'goal'?"),
        ("window: 4h", "acme.yml:3:9: unknown field 'window'"),
        (
            "start: {type: a.b}",
            "acme.yml:3:9: an overlay may not set this; it may set status, severity",
        ),
        ("id: other", "acme.yml:3:9: an overlay may not set this"),
        ("version: 2.0.0", "acme.yml:3:9: an overlay may not set this"),
        ("kind: absence", "acme.yml:3:9: an overlay may not set this"),
        ("key: [data.x]", "acme.yml:3:9: an overlay may not set this"),
        ("tests: []", "acme.yml:3:9: an overlay may not set this"),
    ],
)
def test_a_fault_is_told_where_the_overlay_has_it(
    customer: Customer, fields: str, fault: str
) -> None:
    (told,) = customer.faults(f"rules:\n  legal.replies:\n       {{{fields}}}\n")
    assert told.startswith(fault)


@pytest.mark.parametrize(
    ("overlay", "fault"),
    [
        ("rules: {legal.reply: {owner: x}}", "acme.yml:1:9: no rule 'legal.reply'; did you mean"),
        ("rules: {legal.replies: legal}", "acme.yml:1:24: a mapping is wanted here"),
        ("legal.replies: {owner: x}", "acme.yml:1:1: an overlay is written `rules: {rule-id"),
        ("rules: {}\nowner: x", "acme.yml:2:1: unknown field 'owner'; known here: rules"),
        ("rules: [", "acme.yml:2:1: not YAML"),
        ("rules: {buying.paper: {steps: [{gap: {max: 1h}}]}}",
         "acme.yml:1:24: an overlay may not replace this whole, only set steps.*.gap in it"),
        ("rules: {buying.paper: {steps: {papper: {gap: {max: 1h}}}}}",
         "acme.yml:1:32: nothing is called 'papper' here; did you mean 'paper'?"),
        ("rules: {buying.paper: {steps: {paper: {type: a.b}}}}",
         "acme.yml:1:40: an overlay may not set this"),
        ("rules: {buying.paper: {steps: {compare: {gap: {max: 1h}}}}}",
         "acme.yml:1:23: the first step has no step before it, so no `gap`"),
    ],
)  # fmt: skip
def test_what_is_no_overlay_of_these_rules_is_told(
    customer: Customer, overlay: str, fault: str
) -> None:
    (told,) = customer.faults(overlay)
    assert told.startswith(fault)


def test_faults_of_rules_and_overlay_are_told_together(customer: Customer) -> None:
    (customer.root / "rules/buying.paper.yml").write_text(PAPER.replace("2d", "2"), "utf-8")
    told = customer.faults(
        "rules:\n  legal.replies: {severity: loud}\n  buying.paper: {within: 3}\n"
    )
    assert [fault.split(":")[:2] for fault in told] == [
        ["acme.yml", "2"],
        ["rules/buying.paper.yml", "13"],
    ]


def test_an_overlay_that_is_not_there_is_a_wrong_setting(customer: Customer) -> None:
    with pytest.raises(BadSetting, match="PATHLINE_OVERLAY"):
        load(customer.root / "rules", customer.root / "calendars", customer.root / "none.yml")


def test_describe_tells_which_values_come_from_the_overlay(customer: Customer) -> None:
    book = customer.load("rules:\n  legal.replies: {owner: legal-apac, goal: {within: 4h}}\n")
    document = book.documents["legal.replies"]
    assert isinstance(document, Overlaid)
    file = str(customer.root / "acme.yml")
    assert document.changes == (
        Change(("owner",), "legal", "legal-apac", f"{file}:2:26"),
        Change(("goal", "within"), "2h", "4h", f"{file}:2:53"),
    )
    rows = [text for label, text in describe(book, "legal.replies") if label == "overlay"]
    assert rows == [
        f"owner is legal-apac here, legal in the rule ({file}:2:26).",
        f"goal.within is 4h here, 2h in the rule ({file}:2:53).",
    ]


def test_a_rule_without_overlay_is_read_as_before(customer: Customer) -> None:
    book = customer.load("rules: {legal.replies: {owner: x}}\n")
    assert not isinstance(book.documents["buying.paper"], Overlaid)


def test_every_open_field_is_a_field_of_some_kind() -> None:
    known = {name for form in KINDS.values() for name in form.model_fields}
    assert {name.partition(".")[0] for name in OPEN} <= known
