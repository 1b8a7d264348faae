"""Who needs what of Kafka: made from the topics, and no more than each role's work."""

from __future__ import annotations

import shlex

import pytest
from typer.testing import CliRunner

from models.errors import BadSetting
from streams.acls import Access, Kind, commands, load_roles
from streams.commands.topics import app
from streams.settings import Settings
from streams.topics import Topics

SETTINGS = Settings(app_id="crm", topic_prefix="acme.", raw_topic="raw.acme.v1")
ROLES = load_roles(SETTINGS)
TOPICS = Topics(SETTINGS)


def may(role: str, operation: str) -> set[str]:
    """The topics on which a role has an operation."""
    return {r.name for r in ROLES[role].rights if r.kind == "topic" and operation in r.operations}


def test_a_worker_writes_all_but_the_raw_topic() -> None:
    """With learned scores; without them it learns nothing."""
    both = load_roles(SETTINGS.model_copy(update={"scores": True}))["worker"].rights
    written = {r.name for r in both if r.kind == "topic" and "Write" in r.operations}
    assert written == {topic.name for topic in TOPICS} - {TOPICS.raw.name}


def test_nobody_but_workers_writes_changelogs_or_alerts() -> None:
    guarded = {TOPICS.follow_changelog.name, TOPICS.ingest_changelog.name}
    guarded |= {TOPICS.learn_changelog.name}
    guarded |= {TOPICS.alerts(name).name for name in ("sla-breaches", "journey-breaks", "signals")}
    others = set(ROLES) - {"worker", "ingest", "follow", "learn"}
    assert {role for role in others if may(role, "Write") & guarded} == set()


def test_ingest_never_meets_the_accounts_state_nor_follow_the_raw_events() -> None:
    assert TOPICS.follow_changelog.name not in may("ingest", "Read") | may("ingest", "Write")
    assert TOPICS.raw.name not in may("follow", "Read")


def test_monitoring_reads_no_record() -> None:
    assert may("monitoring", "Read") | may("monitoring", "Write") == set()
    assert may("monitoring", "Describe") == {topic.name for topic in TOPICS}


def test_no_role_may_do_everything_or_touch_what_is_not_ours() -> None:
    names = {topic.name for topic in TOPICS}
    for role in ROLES.values():
        for right in role.rights:
            assert right.name in names if right.kind == "topic" else right.name.startswith("crm")
            assert not ("Describe" in right.operations and {"Read", "Write"} & {*right.operations})
            assert not {"All", "Alter", "AlterConfigs", "Delete"} & {*right.operations}


def test_agents_apart_have_the_groups_and_transactions_of_their_own() -> None:
    read, write = ("Read",), ("Write",)
    of_follow = {right for right in ROLES["follow"].rights if right.kind != Kind.TOPIC}
    assert {right[:3] for right in of_follow} == {
        (Kind.GROUP, "crm", read),
        (Kind.GROUP, "crm-follow", read),
        (Kind.TRANSACTIONAL_ID, "crm-follow-", write),
    }


def test_each_line_is_one_call_of_kafka_acls() -> None:
    for role in ROLES.values():
        lines = [shlex.split(line) for line in commands(role, "User:O=Acme Ltd")]
        assert [parse(words) for words in lines] == [("User:O=Acme Ltd", r) for r in role.rights]


def parse(words: list[str]) -> tuple[str, Access]:
    """What kafka-acls.sh would make of the options."""
    assert words[0] == "--add"
    options = list(zip(words[1::2], words[2::2], strict=True))
    kind = next(Kind(name[2:]) for name, _ in options if name[2:] in {*Kind})
    values = dict(options)
    pattern = values.get("--resource-pattern-type", "literal")
    operations = tuple(value for name, value in options if name == "--operation")
    return values["--allow-principal"], Access(kind, values[f"--{kind}"], operations, pattern)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--role", "root"],
        ["--commands", "--principal", "User:crm"],
        ["--commands", "--role", "sender"],
        ["--commands", "--role", "sender", "--principal", "crm"],
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, ["acls", *arguments])
    assert isinstance(result.exception, BadSetting)
