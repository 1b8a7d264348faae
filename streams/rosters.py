"""Who scores, read from the topics; and decisions about shadows, written where `learn` reads them.

Off the data path; `pathline models list | compare | promote | retire`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from models.errors import BadInput, BadSetting
from models.learners.example_record import ExampleRecord, parse_example
from models.learners.roster import Roster, Standing, compare, decode_roster
from rules.form_faults import did_you_mean
from streams.appender import KafkaAppender
from streams.checkpoint import partition_of
from streams.clock import Clock
from streams.control import Decide, encode_control
from streams.keyring import Keyring, Signer, load_keyring
from streams.reader import open_reader
from streams.seal import signature_of
from streams.settings import Settings
from streams.topics import Topics

What = Literal["promote", "retire"]


async def load_rosters(settings: Settings) -> Mapping[str, Roster]:
    """The latest of each task, by its name; with keys those signed alone."""
    topic, keyring = Topics(settings).models.name, load_keyring(settings.control_key_file)
    found: dict[str, Roster] = {}
    async with open_reader(settings, topic) as reader:
        async for record in reader.to_end():
            key, value = record.key or b"", record.value
            if value is None or b"/" in key:
                continue  # a model
            if keyring and keyring.check(signature_of(record), (topic, 0), key, value, None):
                continue
            try:
                found[key.decode()] = decode_roster(value)
            except (msgspec.MsgspecError, ValueError) as error:
                raise BadSetting(
                    f"{topic}: what is written of {key!r} cannot be read: {error}. Use the release"
                    " that the workers have"
                ) from None
    return dict(sorted(found.items()))


def find_roster(rosters: Mapping[str, Roster], task: str) -> Roster:
    """Raises BadSetting when no worker has written about the task yet."""
    if task not in rosters:
        raise BadSetting(
            f"no model of {task} was published; {did_you_mean(task, rosters)}"
            if rosters
            else f"no model of {task} was published, nor of any other task: workers with"
            " PATHLINE_SCORES=true do that once they have learned from enough cases"
        )
    return rosters[task]


def shadow_of(roster: Roster, learner: str | None = None) -> str:
    """The shadow's name. Raises BadSetting when there is none, or it is not that learner."""
    if roster.shadow is None:
        raise BadSetting(
            f"{roster.task} has no shadow: name one in its file (`shadow: mean`), and start the"
            " workers again"
        )
    if learner not in (None, roster.shadow):
        raise BadSetting(f"the shadow of {roster.task} is {roster.shadow}, not {learner}")
    return roster.shadow


async def load_comparison(settings: Settings, roster: Roster) -> dict[str, Standing]:
    """Champion and shadow at the rows of matured cases, as far back as examples are kept."""
    records: list[ExampleRecord] = []
    async with open_reader(settings, Topics(settings).examples.name) as reader:
        async for record in reader.to_end():
            if record.key == roster.task.encode():
                try:
                    records.append(parse_example(record.value))
                except BadInput:
                    continue  # it lies in the dead letters, too
    return compare(records, roster.champion, shadow_of(roster))


async def decide(
    settings: Settings, clock: Clock, roster: Roster, what: What, by: str, why: str
) -> dict[str, Standing]:
    """Write the decision about the shadow, with the comparison, which is returned.

    Raises BadSetting for a promotion with nothing to compare.
    """
    shadow, comparison = shadow_of(roster), await load_comparison(settings, roster)
    if what == "promote" and not comparison[shadow].cases:
        raise BadSetting(
            f"{shadow} and {roster.champion} have no matured case in common yet, so nothing speaks"
            " for either: wait until labels of cases have come that both have scored"
        )
    decision = Decide(
        task=roster.task, learner=shadow, what=what, by=by, why=why,
        comparison={name: msgspec.to_builtins(one) for name, one in comparison.items()},
    )  # fmt: skip
    keyring: Keyring | None = load_keyring(settings.control_key_file)
    appender = KafkaAppender(settings, Signer(keyring, clock) if keyring else None)
    try:
        await appender.start()
        partition = partition_of(roster.task.encode(), settings.partitions)
        topic = Topics(settings).examples.name
        await appender.append(topic, partition, *encode_control(decision))
    finally:
        await appender.stop()
    return comparison
