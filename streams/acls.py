"""Who needs what of Kafka: the least that each role can do its work with.

Off the data path; `pathline topics acls`. A registry like that of the topics, and made from it, so
that a topic that is new or renamed is in both. Kafka's own names: kafka-acls.sh takes them.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from streams.settings import Settings
from streams.topics import Topic, Topics


class Kind(StrEnum):
    """What a right is on; the option of kafka-acls.sh."""

    TOPIC = "topic"
    GROUP = "group"
    TRANSACTIONAL_ID = "transactional-id"


class Pattern(StrEnum):
    """How a name is meant: that one, or all that begin so."""

    LITERAL = "literal"
    PREFIXED = "prefixed"


class Access(NamedTuple):
    """operations: of Kafka, sorted. Read and Write bring Describe along."""

    kind: Kind
    name: str
    operations: tuple[str, ...]
    pattern: Pattern = Pattern.LITERAL


class Role(NamedTuple):
    """rights: what it may do, and nothing else."""

    name: str
    purpose: str
    rights: tuple[Access, ...]


READ, WRITE, CREATE = ("Read",), ("Write",), ("Create",)
BOTH = ("Read", "Write")
LOOK = ("Describe", "DescribeConfigs")  # what is checked before a start


def load_roles(settings: Settings) -> Mapping[str, Role]:
    """All roles under these settings, by name.

    >>> roles = load_roles(Settings())
    >>> [access.name for access in roles["sender"].rights]
    ['raw.interactions.v1']
    >>> roles["monitoring"].rights[0].operations
    ('Describe', 'DescribeConfigs')
    """
    return {name: Role(name, *make(settings)) for name, make in ROLES.items()}


def commands(role: Role, principal: str) -> Iterator[str]:
    """The arguments of kafka-acls.sh, one call a line, quoted for a shell or xargs.

    >>> next(commands(load_roles(Settings())["sender"], "User:crm"))
    '--add --allow-principal User:crm --operation Write --topic raw.interactions.v1'
    """
    for access in role.rights:
        words = ["--add", "--allow-principal", principal]
        words += [word for name in access.operations for word in ("--operation", name)]
        words += [f"--{access.kind}", access.name]
        if access.pattern is Pattern.PREFIXED:
            words += ["--resource-pattern-type", access.pattern]
        yield shlex.join(words)


Made = tuple[str, tuple[Access, ...]]


def _worker(settings: Settings, *agents: str) -> tuple[Access, ...]:
    """Agents in one process. It publishes its own rule set, so it writes those too."""
    topics = Topics(settings)
    apart = set(agents) != {"ingest", "follow"}
    group = "-".join([settings.app_id, *sorted(agents)]) if apart else settings.app_id
    rights = [*_on(LOOK, *topics), *_on(BOTH, topics.rules, topics.interactions)]
    rights += _on(WRITE, topics.dead_letters)
    if "ingest" in agents:
        rights += _on(READ, topics.raw) + _on(BOTH, topics.ingest_changelog)
    if "follow" in agents:
        rights += _on(BOTH, topics.follow_changelog) + _on(WRITE, *_alerts(topics))
        rights += _on(WRITE, topics.shadow_alerts, topics.scores, topics.examples)
        rights += _on(READ, topics.models)
    if "learn" in agents:
        rights += _on(BOTH, topics.examples, topics.learn_changelog)
        rights += _on(WRITE, topics.models, topics.signals, topics.alert_state)
    # Offsets are committed in the group of the whole app, whichever group hands out partitions.
    rights += [Access(Kind.GROUP, name, READ) for name in {settings.app_id, group}]
    for agent in agents:
        id = f"{settings.app_id}-{agent}-"
        rights.append(Access(Kind.TRANSACTIONAL_ID, id, WRITE, Pattern.PREFIXED))
    return _merge(rights)


def _publisher(settings: Settings) -> Made:
    topics = Topics(settings)
    rights = [*_on(BOTH, topics.rules), *_on(WRITE, topics.interactions)]
    rights += _on(BOTH, topics.examples, topics.models)
    rights.append(Access(Kind.TRANSACTIONAL_ID, f"{settings.app_id}-rules", WRITE))
    return "publishes rule sets and activates them, decides about models", _merge(rights)


def _sender(settings: Settings) -> Made:
    return "sends events: sources, `pathline send`", _on(WRITE, Topics(settings).raw)


def _reader(settings: Settings) -> Made:
    topics = Topics(settings)
    group = Access(Kind.GROUP, f"{settings.app_id}-alerts-", READ, Pattern.PREFIXED)
    return (
        "subscribes to alerts and scores, in a group of its own that begins with that name",
        (*_on(READ, *_alerts(topics), topics.scores), group),
    )


def _analyst(settings: Settings) -> Made:
    """By no group, and nothing is written."""
    topics = Topics(settings)
    return (
        "replays the log: `pathline backtest`, `pathline rules explain`",
        _on(READ, topics.interactions, topics.rules, topics.models, topics.follow_changelog),
    )


def _operator(settings: Settings) -> Made:
    """Replay writes back to where a letter came from; erase reads what may hold an account."""
    topics = Topics(settings)
    rights = [*_on(LOOK, *topics), *_on(BOTH, topics.dead_letters, topics.interactions)]
    rights += _on(BOTH, topics.raw, topics.alert_state)
    rights += _on(READ, topics.follow_changelog)
    replay = f"{settings.app_id}-dead-letters-replay"
    rights.append(Access(Kind.TRANSACTIONAL_ID, replay, WRITE))
    rights.append(Access(Kind.GROUP, settings.app_id, ("Describe",)))
    return "dead letters and erasure: `pathline dead-letters`, `pathline erase`", _merge(rights)


def _monitoring(settings: Settings) -> Made:
    group = Access(Kind.GROUP, settings.app_id, ("Describe",))
    return (
        "looks at topics, offsets and lag, never at a record: `pathline doctor`",
        (*_on(LOOK, *Topics(settings)), group),
    )


def _installer(settings: Settings) -> Made:
    topics = Topics(settings)
    return "makes the topics: `pathline topics create`", _on((*CREATE, *LOOK), *topics)


ROLES: Mapping[str, Callable[[Settings], Made]] = {
    "worker": lambda s: (
        "runs all agents: `pathline worker`",
        _worker(s, "ingest", "follow", *(["learn"] if s.scores else [])),
    ),
    "ingest": lambda s: ("`pathline worker --agents ingest`", _worker(s, "ingest")),
    "follow": lambda s: ("`pathline worker --agents follow`", _worker(s, "follow")),
    "learn": lambda s: ("`pathline worker --agents learn`", _worker(s, "learn")),
    "publisher": _publisher,
    "sender": _sender,
    "reader": _reader,
    "analyst": _analyst,
    "operator": _operator,
    "monitoring": _monitoring,
    "installer": _installer,
}


def _alerts(topics: Topics) -> tuple[Topic, ...]:
    return topics.sla_breaches, topics.journey_breaks, topics.signals, topics.alert_state


def _on(operations: tuple[str, ...], *topics: Topic) -> tuple[Access, ...]:
    return tuple(Access(Kind.TOPIC, topic.name, operations) for topic in topics)


def _merge(rights: Iterable[Access]) -> tuple[Access, ...]:
    """One entry a name; Describe is left out where Read or Write bring it."""
    found: dict[tuple[Kind, str, Pattern], set[str]] = {}
    for access in rights:
        key = access.kind, access.name, access.pattern
        found.setdefault(key, set()).update(access.operations)
    for operations in found.values():
        if operations & {*BOTH}:
            operations.discard("Describe")
    merged = [Access(k, n, tuple(sorted(ops)), p) for (k, n, p), ops in found.items()]
    return tuple(sorted(merged))
