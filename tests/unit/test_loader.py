"""Loading rules: every fault of every file at once, each where it stands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from models.errors import BadRule, BadSetting
from rules.loader import RuleBook, load, parse
from rules.soundness import INSTANT
from rules.yaml_text import CHARACTERS_MAX, parse_document

HERE = "⟦"  # in a test's text: the fault must be told at the next character
RULE = """\
id: legal-reply
version: 1.0.0
kind: sla
title: Legal answers
status: active
severity: error
owner: legal
why: "{{account}} waits for {{start.data.who}} until {{due}}"
start: {type: contract.revised, where: data.pages > 3}
stop: {type: legal.replied}
goal: {within: 2bh, calendar: office}
feeds:
  crm: {max_stale: 90m}
tests:
  - name: silent
    start: 2026-03-02T09:00:00+08:00
    events: []
    expect: []
  - name: fires
    start: 2026-03-02T09:00:00+08:00
    events: [{at: 0h, type: contract.revised, data: {pages: 4}}]
    run_until: 1d
    expect: [{at: 2h, state: firing}]
"""
CALENDAR = """\
id: office
version: "1"
tz: Asia/Shanghai
week: {mon-fri: ["09:00-18:00"]}
years: {2026: {holidays: [2026-05-01]}}
"""


class Folders:
    """A folder of rules and one of calendars."""

    def __init__(self, root: Path) -> None:
        self.rules = root / "rules"
        self.calendars = root / "calendars"
        self.rules.mkdir()
        self.calendars.mkdir()
        self.write("rules/legal-reply.yml", RULE)
        self.write("calendars/office.yml", CALENDAR)

    def write(self, name: str, text: str) -> Folders:
        path = self.rules.parent / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return self

    def load(self) -> RuleBook:
        return load(self.rules, self.calendars)

    def faults(self) -> list[str]:
        with pytest.raises(BadRule) as caught:
            self.load()
        root = f"{self.rules.parent}/"
        return [str(fault).replace(root, "") for fault in caught.value.faults]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


def place(text: str) -> tuple[str, str]:
    """The text without its marker, and where that stood as `line:column`."""
    before = text[: text.index(HERE)]
    column = len(before) - before.rfind("\n")
    return text.replace(HERE, ""), f"{before.count(chr(10)) + 1}:{column}"


def test_a_book_has_its_rules_by_id_and_knows_their_files(folders: Folders) -> None:
    other = RULE.replace("id: legal-reply", "id: a.first")
    book = folders.write("rules/sales/a.first.yml", other).load()
    assert [rule.id for rule in book.rules] == ["a.first", "legal-reply"]
    assert book.where["a.first"] == str(folders.rules / "sales" / "a.first.yml")
    assert book.calendars["office"].id == "office"


def test_content_reads_back_as_the_same_book(folders: Folders) -> None:
    book = folders.load()
    again = parse(book.content)
    assert (again.rules, again.digest, again.content) == (book.rules, book.digest, book.content)
    assert again.calendars["office"].form == book.calendars["office"].form


def test_the_digest_is_of_what_is_said_not_of_how_it_is_written(folders: Folders) -> None:
    digest = folders.load().digest
    said = parse_document(RULE, "legal-reply.yml")[0].value
    text = "# a comment\n" + yaml.safe_dump(said, sort_keys=True, width=40)
    assert text != RULE
    (folders.rules / "legal-reply.yml").unlink()
    assert folders.write("rules/moved/legal-reply.yml", text).load().digest == digest
    changed = text.replace("Legal answers", "Legal replies")
    assert folders.write("rules/moved/legal-reply.yml", changed).load().digest != digest


def test_all_faults_of_all_files_are_told_at_once(folders: Folders) -> None:
    folders.write("rules/legal-reply.yml", RULE.replace("owner:", "ovner:").replace("2bh", "2"))
    folders.write("rules/other.yml", RULE.replace("data.pages > 3", "data.pages > @"))
    folders.write("rules/broken.yml", "id: [")
    folders.write("calendars/office.yml", CALENDAR.replace("mon-fri", "mon-fry"))
    told = [fault.split(": ")[0] for fault in folders.faults()]
    assert told == [
        "calendars/office.yml:4:8",
        "rules/broken.yml:2:1",
        "rules/legal-reply.yml:7:1",
        "rules/legal-reply.yml:11:16",
        "rules/other.yml:1:5",
        "rules/other.yml:1:5",
        "rules/other.yml:9:53",
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("owner: legal", "⟦ovner: legal", "unknown field 'ovner'; did you mean 'owner'?"),
        ("within: 2bh", "⟦wihtin: 2bh", "unknown field 'wihtin'; did you mean 'within'?"),
        ("within: 2bh", "within: ⟦2", "2 is not a duration"),
        ("within: 2bh", "within: ⟦2 hours", "'2 hours' is not a duration"),
        ("{within: 2bh, ", "⟦{", "`within` is missing"),
        ("severity: error", "severity: ⟦eror", "'eror' is not known; did you mean 'error'?"),
        ("kind: sla", "kind: ⟦slaa", "'slaa' is no kind of rule; did you mean 'sla'?"),
        ("version: 1.0.0", "version: ⟦1.0", "text is wanted here; quote it"),
        ("version: 1.0.0", "version: ⟦v1", "three numbers, such as 1.0.0"),
        ("type: legal.replied", "type: ⟦Legal", "such as document.downloaded"),
        ("stop: {type: legal.replied}", "stop: ⟦legal.replied", "a mapping is wanted here"),
        ("calendar: office", "calendar: ⟦ofice", "no calendar 'ofice'; did you mean 'office'?"),
        ("{within: 2bh, calendar: office}", "⟦{within: 2bh}", "business time (bh, bd) needs"),
        (
            "feeds:",
            f"warn_at: ⟦{[n / 20 for n in range(1, 18)]}\nfeeds:",
            "at most 16 are allowed here: an account's state is bounded",
        ),
        ("feeds:", f"escalate: ⟦{[{'after': '1bh', 'to': 'x'}] * 17}\nfeeds:", "at most 16"),
        ("feeds:", f"key: ⟦[{', '.join(f'data.k{n}' for n in range(9))}]\nfeeds:", "at most 8"),
        ("id: legal-reply", "id: ⟦legal.reply", "the file is called legal-reply.yml, so is the id"),
        ("data.pages > 3", 'data.who == "a" && ⟦@', "where: "),
        ("where: data.pages > 3", "where: 'data.who == \"it''s\" && ⟦@'", "where: "),
        ("where: data.pages > 3", 'where: "data.who == \\"\\u5f20\\" && ⟦@"', "where: "),
        (
            "{type: contract.revised, where: data.pages > 3}",
            '\n  type: contract.revised\n  where: >-\n    data.who == "a"\n    && ⟦@',
            "where: ",
        ),
        (
            "{type: contract.revised, where: data.pages > 3}",
            "\n  type: contract.revised\n  where: |\n    data.pages > 1 &&\n\n      ⟦@ && true",
            "where: ",
        ),
        ("start.data.who", "⟦{{stat.data.who}}", "{{stat.data.who}} is not known here"),
        ("waits for {{start.data.who}}", "waits for ⟦{{pause.data.who}}", "{{pause.data.who}}"),
        ('why: "{{account}}', 'why: ⟦"{{account}', "braces of a {{…}} that do not pair"),
        ('why: "{{account}} waits', 'why: ⟦"account}} waits', "braces of a {{…}} that do not pair"),
        ("at: 0h", "at: ⟦0", "0 is not a duration"),
        ("{at: 2h, state", "{at: ⟦2, state", INSTANT),
        ("start: 2026-03-02T09:00:00+08:00", "start: ⟦1772442000", INSTANT),
        ("feeds:\n  crm: {max_stale: 90m}", "warn_at: ⟦[0.5, 0.2]", "rising"),
        ("at: 0h", "at: ⟦0bh", "a place on the timeline is wall time"),
        ("{at: 2h, state", "{at: ⟦2bh, state", "a place on the timeline is wall time"),
        ("{at: 2h, state", "{at: ⟦2026-03-02T11:00:00, state", INSTANT),
        ("{at: 2h, state", "{at: ⟦soon, state", "'soon' is not a duration"),
        ("at: 0h, type: contract.revised", "at: 0h, feed: ⟦{crn: stale}", "no feed 'crn'"),
        ("run_until: 1d", "run_until: ⟦-1d", "'-1d' is not a duration"),
        ("name: silent\n    start: 2026-03-02T09:00:00+08:00",
         "name: silent\n    start: ⟦2026-03-02T09:00:00", "`start` needs an offset"),
        ("status: active", "status: active\n⟦status: draft", "'status' stands here twice"),
        ("owner: legal", "owner: ⟦&who legal", "anchors and aliases"),
        ("owner: legal", "owner: ⟦!!python/name:os.system legal", "tags are not read"),
        ("pages: 4", "pages: ⟦99999999999999999999", "too large a number"),
        ("pages: 4", "pages: " + "[" * 19 + "⟦[" + "]" * 20, "nested deeper than"),
        ("id: legal-reply", "? ⟦[a]\n: b\nid: legal-reply", "a key is a word"),
        ("tests:", "⟦---\ntests:", "a second document begins here"),
        ("title: Legal", "title: Legal⟦: now", "not YAML"),
    ],
)  # fmt: skip
def test_a_fault_is_told_where_it_stands(
    folders: Folders, old: str, new: str, message: str
) -> None:
    text, at = place(RULE.replace(old, new, 1))
    told = [f for f in folders.write("rules/legal-reply.yml", text).faults() if message in f]
    assert [fault[: fault.index(": ")] for fault in told] == [f"rules/legal-reply.yml:{at}"]


def test_a_rule_without_a_silent_test_is_no_rule(folders: Folders) -> None:
    text = RULE.replace("expect: []", "expect: [{at: 2h, state: firing}]")
    (told,) = folders.write("rules/legal-reply.yml", text).faults()
    assert "needs one that fires and one that stays silent" in told


def test_a_test_may_not_end_before_its_last_event(folders: Folders) -> None:
    text = RULE.replace("at: 0h", "at: 25h")
    (told,) = folders.write("rules/legal-reply.yml", text).faults()
    assert told == "rules/legal-reply.yml:22:16: ends before the last event"


def test_data_of_a_test_is_no_part_of_the_rule(folders: Folders) -> None:
    data = "{pages: 4, where: up @ the top, calendar: of saints}"
    assert folders.write("rules/legal-reply.yml", RULE.replace("{pages: 4}", data)).load().rules


def test_two_files_with_the_same_id_are_told(folders: Folders) -> None:
    (told,) = folders.write("rules/sales/legal-reply.yml", RULE).faults()
    assert told.startswith("rules/sales/legal-reply.yml:1:5: ")
    assert told.endswith("rules/legal-reply.yml has the same id")


def test_the_names_of_a_calendar_that_is_wrong_are_still_known(folders: Folders) -> None:
    (told,) = folders.write("calendars/office.yml", "id: office\n-").faults()
    assert told.startswith("calendars/office.yml:2:1: not YAML")


def test_a_file_has_a_size_that_it_may_have(folders: Folders) -> None:
    (told,) = folders.write("rules/a.yml", "#" * (CHARACTERS_MAX + 1)).faults()
    assert told.startswith(f"rules/a.yml:1:1: {CHARACTERS_MAX + 1} characters")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.yaml", b"id: a", "call it .yml"),
        ("a.yml", b"id: \xff", "not UTF-8"),
        ("a.yml", b"", "the file is empty"),
        ("a.yml", b"# nothing\n", "the file is empty"),
        ("a.yml", b"id: \x07", "not YAML"),
        ("a.yml", b"- 1", "a rule needs `kind`"),
    ],
)
def test_a_file_that_is_no_rule(folders: Folders, name: str, content: bytes, message: str) -> None:
    (folders.rules / name).write_bytes(content)
    told = folders.faults()
    assert any(f"rules/{name}:1:" in fault and message in fault for fault in told)


def test_a_byte_order_mark_is_no_fault(folders: Folders) -> None:
    (folders.rules / "legal-reply.yml").write_bytes(b"\xef\xbb\xbf" + RULE.encode())
    assert folders.load().rules


def test_no_rules_is_a_wrong_setting_not_a_quiet_pass(folders: Folders) -> None:
    (folders.rules / "legal-reply.yml").unlink()
    with pytest.raises(BadSetting, match=r"PATHLINE_RULES: there is no \*\.yml"):
        folders.load()
    with pytest.raises(BadSetting, match=r"PATHLINE_CALENDARS: .* is not a folder"):
        load(folders.rules, folders.calendars / "elsewhere")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "JSONDecodeError"),
        (b"[]", "TypeError"),
        (b'{"v": 2, "rules": [], "calendars": []}', "version 2; this Pathline reads 1"),
        (b'{"v": 1, "rules": [null], "calendars": []}', "TypeError"),
        (b"[" * 100_000, "RecursionError"),
    ],
)
def test_content_that_is_none_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(BadRule, match=message):
        parse(content)


def test_a_fault_in_content_is_told_by_rule_and_path(folders: Folders) -> None:
    record = json.loads(folders.load().content)
    record["rules"][0]["goal"]["within"] = "2"
    with pytest.raises(
        BadRule, match=r"^rule legal-reply:1:1: goal\.within: '2' is not a duration"
    ):
        parse(json.dumps(record).encode())
