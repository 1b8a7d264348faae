"""The shelf of models: snapshots that a log names, fetched, checked and read before they score.

Beside the data path, like streams/shelf.py for rule sets. A snapshot that is not what the log
named, is not signed as it should be, or was learned from other features, is refused; whoever asked
keeps the model that it has.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple

from aiokafka import TopicPartition

from models.errors import BadInput
from models.learners import registry, snapshot
from models.learners.base import Authenticated
from models.learners.scorer import Loaded
from streams.job import Record
from streams.keyring import Keyring
from streams.reader import open_reader
from streams.seal import signature_of
from streams.settings import Settings

log = logging.getLogger(__name__)

LOADED_MAX = 256  # snapshots; those in use are held by who uses them
BEFORE_MS = 600_000  # a snapshot is appended with the record that names it, or soon before


class Wanted(NamedTuple):
    """digest: of the snapshot's bytes. at_ms: append time of the record that names it."""

    task: str
    version: int
    digest: str
    at_ms: int


Fetch = Callable[[Iterable[Wanted]], Awaitable[Mapping[bytes, Record]]]
"""The records of the topic of models by their keys, the newest of each; others may be missing."""


def model_key(task: str, version: int) -> bytes:
    """Its key in the topic of models.

    >>> model_key("conversion", 3)
    b'conversion/3'
    """
    return f"{task}/{version}".encode()


def digest_of(sealed: bytes) -> str:
    """By which a control record names a snapshot."""
    return hashlib.sha256(sealed).hexdigest()


class ModelShelf:
    """schemas: the hash of its raw features, by task. topic: of models, where signatures belong."""

    def __init__(
        self, schemas: Mapping[str, str], topic: str, fetch: Fetch, keyring: Keyring | None
    ) -> None:
        self._schemas = schemas
        self._place = topic, 0
        self._fetch = fetch
        self._keyring = keyring
        self._found: dict[str, Loaded | BadInput] = {}

    def loaded(self, digest: str) -> Loaded | BadInput:
        """One that was asked for before; or why it is refused."""
        return self._found.get(digest) or BadInput("model_missing", "nobody has looked for it")

    async def load(self, wanted: Iterable[Wanted]) -> None:
        """Have these ready, those refused as well. Raises Unavailable when Kafka fails."""
        lacking = {w.digest: w for w in wanted if w.digest and w.digest not in self._found}
        if not lacking:
            return
        records = await self._fetch(lacking.values())
        for digest, one in lacking.items():
            try:
                loaded = self._check(one, records.get(model_key(one.task, one.version)))
                self._found[digest] = loaded
                log.info("model %s of %s loaded", loaded.name, one.task)
            except BadInput as refusal:
                self._found[digest] = refusal
        while len(self._found) > LOADED_MAX:
            del self._found[next(iter(self._found))]

    def _check(self, wanted: Wanted, record: Record | None) -> Loaded:
        if wanted.task not in self._schemas:
            raise BadInput("model_unknown_task", f"no task {wanted.task} here")
        if record is None or record.value is None:
            raise BadInput("model_missing", "the topic of models does not hold it any more")
        sealed = record.value
        if digest_of(sealed) != wanted.digest:
            raise BadInput("model_other_content", "the topic holds something else in its place")
        check_origin(self._keyring, self._place, record)
        trusted = Authenticated(sealed)
        header, model = snapshot.load(trusted, wanted.task, self._schemas[wanted.task])
        if header.version != wanted.version:
            raise BadInput("model_other_content", f"it is version {header.version}")
        return Loaded(header.learner, header.version, model)


def check_origin(keyring: Keyring | None, place: tuple[str, int], record: Record) -> None:
    """Whether a snapshot is from one of us. Raises BadInput.

    Without keys anybody may have written it: then only formats count in which nothing can run.
    """
    sealed = record.value or b""
    if keyring is not None:
        refusal = keyring.check(signature_of(record), place, record.key or b"", sealed, None)
        if refusal:
            raise BadInput(f"model_{refusal}", "set the same PATHLINE_CONTROL_KEY_FILE everywhere")
    elif needs_key(snapshot.read_header(sealed).learner):
        raise BadInput("model_unsigned", "it holds pickle: set PATHLINE_CONTROL_KEY_FILE")


def needs_key(learner: str) -> bool:
    """Whether a learner's state is pickle, which runs what it likes; those of libraries are."""
    return bool(registry.libraries(learner))


def fetch_from(settings: Settings, topic: str) -> Fetch:
    """Reads on from where the oldest that is wanted must lie: versions come once a minute."""

    async def fetch(wanted: Iterable[Wanted]) -> Mapping[bytes, Record]:
        since_ms = min(one.at_ms for one in wanted) - BEFORE_MS
        found: dict[bytes, Record] = {}
        async with open_reader(settings, topic) as reader:
            await reader.seek_time([TopicPartition(topic, 0)], max(0, since_ms))
            async for record in reader.to_end():
                found[record.key or b""] = record
        return found

    return fetch
