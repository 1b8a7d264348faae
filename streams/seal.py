"""The seal of a partition: which of its control records count, once a key is set.

Between the log and `follow`. The answer follows from the log and the keys alone, so that a replay
refuses what live refused. A signature is a header beside the record: a release that knows of none
reads the record as ever.
"""

from __future__ import annotations

import logging

from models.errors import BadSetting
from streams.job import Record
from streams.keyring import HEADER, Keyring, Refusal

log = logging.getLogger(__name__)


class Seal:
    """The control records of one partition. closed: from its first signed one on, all must be.

    So the log itself says from where on it is guarded; who guards it first signs at once. Without
    keys nobody may go past that place: what counts there cannot be told.
    """

    def __init__(
        self, keyring: Keyring | None, place: tuple[str, int], *, closed: bool = False
    ) -> None:
        """Raises BadSetting for a closed one without keys."""
        self.closed = closed
        self.keyring = keyring
        self._place = place
        self._told: set[Refusal] = set()
        if closed and keyring is None:
            raise self._keyless()

    def fork(self) -> Seal:
        """To look ahead with; it tells nothing."""
        ahead = Seal(self.keyring, self._place, closed=self.closed)
        ahead._told = set(Refusal)
        return ahead

    def check(self, record: Record) -> Refusal | None:
        """None: the record counts. Raises BadSetting for a signed one without keys."""
        signature = signature_of(record)
        if self.keyring is None:
            if signature is not None:
                raise self._keyless()
            return None
        key, value = record.key or b"", record.value or b""
        refusal = self.keyring.check(signature, self._place, key, value, record.timestamp)
        if refusal is None:
            self.closed = True
        elif refusal is Refusal.UNSIGNED and not self.closed:
            return None
        elif refusal not in self._told:
            self._told.add(refusal)
            topic, partition = self._place
            log.warning("%s/%s: a control record is refused at offset %s: %s; more of these are"
                        " only counted", topic, partition, record.offset, refusal)  # fmt: skip
        return refusal

    def _keyless(self) -> BadSetting:
        topic, partition = self._place
        return BadSetting(
            f"{topic}/{partition}: control records are signed here, and there is no key to tell"
            " which count: set PATHLINE_CONTROL_KEY_FILE to the file that the other workers have"
        )


def signature_of(record: Record) -> bytes | None:
    """The first one, if there is any."""
    return next((value for name, value in record.headers if name == HEADER), None)
