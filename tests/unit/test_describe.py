"""Rules said in words: what the two languages make of the structure, to the letter."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rules.describe import LANGUAGES, describe
from rules.loader import RuleBook, parse
from rules.speech.condition import condition
from tests.story import COMMON, TESTS

OFFICE = {
    "id": "office",
    "version": "2026.1",
    "tz": "Asia/Shanghai",
    "week": {"mon-thu": ["09:00-12:00", "13:00-18:00"], "fri": ["09:00-12:00"]},
    "years": {"2026": {"holidays": ["2026-05-01"]}, "2027": {"provisional": True}},
}
SLA = {
    "kind": "sla",
    "owner": "legal",
    "status": "shadow",
    "key": ["data.contract_id", "data.version"],
    "start": {"type": "contract.revised", "where": "data.pages >= 3 && has(data.diff)"},
    "stop": {"type": "legal.replied"},
    "pause": {"type": "info.requested"},
    "resume": {"type": "info.given"},
    "cancel": {"type": "deal.closed"},
    "restart": "ignore",
    "goal": {"within": "1.5bh", "calendar": "office"},
    "warn_at": [0.5, 0.8],
    "escalate": [{"after": "0bh", "to": "legal-lead"}, {"after": "1bh", "to": "coo"}],
    "feeds": {"crm": {"max_stale": "90m"}},
    "weight": {"value": -0.4, "half_life": "14d"},
    "late": {"on_late": "ignore"},
}
ABSENCE = {
    "kind": "absence",
    "severity": "critical",
    "anchor": {"type": "trial.started"},
    "expect": {"type": "feature.used", "where": 'actor.kind == "customer"'},
    "until": {"type": "trial.ended"},
    "deadline": {"day_number": 11, "tz": "account"},
    "measure": "on_day",
    "late": {"accept": "1h"},
}
SEQUENCE = {
    "kind": "sequence",
    "steps": [
        {"type": "page.viewed", "where": "data.page in ['a', 'b'] && (data.n < 3 || data.n > 9)"},
        {"type": "paper.taken", "gap": {"min": "1d", "max": "2w"}},
        {"type": "demo.booked", "where": "data.tags.exists(t, t == 'x')", "gap": {"max": "36h"}},
    ],
    "within": "1d",
    "without": {"type": "demo.cancelled"},
    "weight": {"value": 0.85, "stage_equivalence": {"stage": "quote", "ratio": 0.7}},
}
GOLDEN: list[tuple[dict[str, Any], str, str]] = [
    (
        SLA,
        "en",
        """\
kind: an answer in time (sla), on trial (shadow), info
owner: legal
start: A case begins with contract.revised where pages is at least 3 and there is diff.
stop: legal.replied answers it.
goal: The answer is due within 1.5 business hours (office); at exactly that instant it is late.
pause: The clock stands still from info.requested to info.given.
cancel: deal.closed ends it without an answer.
restart: Another beginning changes nothing while one is open.
warn_at: It warns after 50%, 80% of the time.
escalate: When it is missed, the alert goes at once to legal-lead, 1 business hour later to coo.
feeds: It holds while a feed is silent: crm for 1 hour 30 minutes.
key: One case for each data.contract_id, data.version.
late: An event that comes late counts when it comes.
weight: It weighs -0.4, and half of it after 14 days.
why: It says: w
calendar: Business time of office: Monday to Thursday 09:00–12:00, 13:00–18:00; Friday \
09:00–12:00 (Asia/Shanghai); days off and make-up days are known for 2026, 2027 (provisional).
tests: 2 tests, 1 of them silent.""",
    ),
    (
        SLA,
        "zh",
        """\
kind: 限时应答（sla），试运行，提示
owner: legal
start: 从 contract.revised（pages 不小于 3 且 有 diff）开始计时。
stop: legal.replied 视为应答。
goal: 须在 1.5 个工作小时（日历 office）内应答；恰在到期时刻应答也算超时。
pause: 从 info.requested 到 info.given 之间停表。
cancel: 若发生 deal.closed，则不等应答即结束。
restart: 尚未结束时，再次开始不起作用。
warn_at: 时间过去 50%、80% 时预警。
escalate: 超时后升级：立即通知 legal-lead、再过 1 个工作小时通知 coo。
feeds: 数据源中断期间暂不判定：crm 中断 1 小时 30 分钟。
key: 按 data.contract_id、data.version 区分不同事项。
late: 迟到的事件按到达时间计入。
weight: 权重 -0.4，每过 14 天减半。
why: 告警语：w
calendar: office 的工作时间：周一至周四 09:00–12:00、13:00–18:00；周五 09:00–12:00\
（Asia/Shanghai）；已知 2026、2027（暂定）年的节假日与调休。
tests: 2 个测试，其中 1 个不触发。""",
    ),
    (
        ABSENCE,
        "en",
        """\
kind: something that does not come (absence), active, critical
owner: nobody
anchor: A wait begins with trial.started.
expect: feature.used where actor.kind is "customer" is expected.
deadline: Its absence is a fact at the midnight that ends day 11 after it, the account's own time.
measure: Only what comes on the last day counts.
until: trial.ended ends the wait quietly.
restart: Another beginning starts the clock anew.
late: An event that comes late counts at its own time, up to 1 hour back, and may take an alert \
back.
why: It says: w
tests: 2 tests, 1 of them silent.""",
    ),
    (
        ABSENCE,
        "zh",
        """\
kind: 应有而未有（absence），启用，严重
owner: 无人负责
anchor: 从 trial.started 开始等待。
expect: 期待 feature.used（actor.kind 为 "customer"）。
deadline: 到其后第 11 天结束的午夜（客户当地时间）仍未出现，即告警。
measure: 只有最后一天发生的才算数。
until: 若发生 trial.ended，则静默结束等待。
restart: 再次开始则重新计时。
late: 迟到的事件按其自身时间计入，最多回溯 1 小时，并可撤回告警。
why: 告警语：w
tests: 2 个测试，其中 1 个不触发。""",
    ),
    (
        SEQUENCE,
        "en",
        """\
kind: one thing after another (sequence), active, info
owner: nobody
steps: First page.viewed where page is one of "a", "b" and (n is under 3 or n is over 9).
steps: Then paper.taken, at least 1 day and less than 14 days after the step before.
steps: Then demo.booked where `data.tags.exists(t, t == 'x')` holds, less than 1 day 12 hours \
after the step before.
within: All of it within 1 day from the first step; the end is excluded.
contiguity: Other events may lie between the steps.
without: demo.cancelled in between ends it.
skip: A match uses its events up.
late: An event that comes late counts at its own time, up to 6 hours back, and may take an alert \
back.
weight: It weighs 0.85; as a step in the sales stages: stage quote, ratio 0.7.
why: It says: w
tests: 2 tests, 1 of them silent.""",
    ),
    (
        SEQUENCE,
        "zh",
        """\
kind: 先后发生（sequence），启用，提示
owner: 无人负责
steps: 首先 page.viewed（page 为 "a"、"b" 之一 且（n 小于 3 或 n 大于 9））。
steps: 然后 paper.taken，距上一步至少 1 天、不到 14 天。
steps: 然后 demo.booked（满足 `data.tags.exists(t, t == 'x')`），距上一步不到 1 天 12 小时。
within: 从第一步起须在 1 天内全部完成，不含终点。
contiguity: 各步之间可以有其他事件。
without: 其间若发生 demo.cancelled，则不再匹配。
skip: 一次匹配用掉其中的事件。
late: 迟到的事件按其自身时间计入，最多回溯 6 小时，并可撤回告警。
weight: 权重 0.85；折合销售阶段：stage quote、ratio 0.7。
why: 告警语：w
tests: 2 个测试，其中 1 个不触发。""",
    ),
]


def book(rule: dict[str, Any]) -> RuleBook:
    form = {**COMMON, "tests": TESTS, "id": "a.rule", **rule}
    return parse(json.dumps({"v": 1, "rules": [form], "calendars": [OFFICE]}).encode())


@pytest.mark.parametrize(
    ("rule", "lang", "text"), GOLDEN, ids=[f"{rule['kind']}-{lang}" for rule, lang, _ in GOLDEN]
)
def test_a_rule_reads_so(rule: dict[str, Any], lang: str, text: str) -> None:
    rows = describe(book(rule), "a.rule", lang)
    assert rows[:2] == [("rule", "a.rule 1.0.0"), ("title", "t")]
    assert "\n".join(f"{name}: {said}" for name, said in rows[2:]) == text


@pytest.mark.parametrize(
    ("deadline", "english", "chinese"),
    [
        ({"after": "3bd", "calendar": "office"}, "3 business days (office) later",
         "过了 3 个工作日（日历 office）仍未出现，即告警。"),
        ({"after": "1bd", "calendar": "office"}, "1 business day (office) later",
         "过了 1 个工作日（日历 office）仍未出现，即告警。"),
        ({"after": "45s"}, "45 seconds later", "过了 45 秒仍未出现，即告警。"),
        ({"day_number": 3, "tz": "Europe/Berlin"},
         "at the midnight that ends day 3 after it, Europe/Berlin time",
         "到其后第 3 天结束的午夜（Europe/Berlin 时间）仍未出现，即告警。"),
    ],
)  # fmt: skip
def test_a_deadline_reads_so(deadline: dict[str, Any], english: str, chinese: str) -> None:
    rule = {**ABSENCE, "measure": "since_anchor", "deadline": deadline}
    assert dict(describe(book(rule), "a.rule", "en"))["deadline"] == (
        f"Its absence is a fact {english}."
    )
    assert dict(describe(book(rule), "a.rule", "zh"))["deadline"] == chinese


@pytest.mark.parametrize(
    ("where", "english", "chinese"),
    [
        ("data.n == 3", "n is 3", "n 为 3"),
        ("3 < data.order.lines", "order.lines is over 3", "order.lines 大于 3"),
        ("data.paid != true", "paid is not true", "paid 不为 true"),
        ("!has(data.x)", "there is no x", "没有 x"),
        ('data.a == "报价" || data.b <= 1.5', 'a is "报价" or b is at most 1.5',
         'a 为 "报价" 或 b 不大于 1.5'),
        ('data.a.startsWith("x")', '`data.a.startsWith("x")` holds',
         '满足 `data.a.startsWith("x")`'),
        ("data.a > data.b", "`data.a > data.b` holds", "满足 `data.a > data.b`"),
    ],
)  # fmt: skip
def test_a_condition_reads_so(where: str, english: str, chinese: str) -> None:
    assert condition(where, LANGUAGES["en"]) == english
    assert condition(where, LANGUAGES["zh"]) == chinese


@pytest.mark.parametrize(
    ("rule", "field", "english", "chinese"),
    [
        ({"kind": "signal", "on": {"type": "seat.limit_reached", "where": "data.seats >= 10"}},
         "on", "It fires at each seat.limit_reached where seats is at least 10.",
         "每次 seat.limit_reached（seats 不小于 10）都会触发。"),
        ({"kind": "change", "of": "count(paper.taken)", "window": "7d", "baseline": "28d",
          "when": {"ratio": ">= 3", "z": ">= 2"}},
         "when", "It fires when this is so: it is >= 3 times the past and it is >= 2 standard"
         " deviations from the past.",
         "满足以下条件时触发：为过去的 >= 3 倍 且 偏离过去 >= 2 个标准差。"),
        ({"kind": "score", "task": "renewal", "when": {"value": "<= 0.2"}},
         "when", "It fires when this is so: the score is <= 0.2.",
         "满足以下条件时触发：评分 <= 0.2。"),
        ({"kind": "mismatch", "left": {"type": "promise.made", "value": "data.days"},
          "right": {"type": "delivery.set", "value": "data.days"}, "join": ["data.order"],
          "when": "right > left * 1.2"},
         "when", "They disagree when `right > left * 1.2`.",
         "当 `right > left * 1.2` 成立时两者不符。"),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)  # fmt: skip
def test_the_other_kinds_read_so(
    rule: dict[str, Any], field: str, english: str, chinese: str
) -> None:
    assert dict(describe(book(rule), "a.rule", "en"))[field] == english
    assert dict(describe(book(rule), "a.rule", "zh"))[field] == chinese


def test_a_composite_reads_so() -> None:
    parts = [
        {"id": f"part.{name}", "kind": "signal", "on": {"type": f"{name}.seen"}} for name in "ab"
    ]
    of = [{"rule": "part.a", "weight": 0.6}, {"rule": "part.b", "weight": 0.4}]
    whole = {"id": "whole", "kind": "composite", "of": of, "within": "14d"}
    rules = [*parts, {**whole, "when": {"score": ">= 1"}}]
    full = [{**COMMON, "tests": TESTS, **rule} for rule in rules]
    made = parse(json.dumps({"v": 1, "rules": full, "calendars": []}).encode())
    english = dict(describe(made, "whole", "en"))
    assert english["of"] == "It listens to part.a (weight 0.6), part.b (weight 0.4)."
    assert english["when"] == (
        "It fires when this is so: the weights of those that fired are >= 1."
    )
    chinese = dict(describe(made, "whole", "zh"))
    assert chinese["of"] == "综合 part.a（权重 0.6）、part.b（权重 0.4）。"
    assert chinese["when"] == "满足以下条件时触发：已触发规则的权重合计 >= 1。"


def test_a_kind_without_sentences_still_says_its_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(LANGUAGES["en"].kinds, "sla")
    rows = dict(describe(book(SLA), "a.rule", "en"))
    assert rows["goal"] == "goal: 1.5 business hours (office)."
    assert rows["warn_at"] == "warn_at: 50%, 80%."
