"""Quarantine: an account whose event broke the engine says nothing more; all others go on.

The engine may have stopped halfway, so nothing that it holds can be trusted. The runtime then
forgets the partition's job, restores it from its last checkpoint and reads the log again, with the
offset of the culprit known; this time the culprit is set aside before the engine sees it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from models.errors import BadInput
from rules.partition import Partition
from streams.job import Poison, Record

log = logging.getLogger(__name__)


class Quarantine:
    """watches: whether `check` may say no to anything; spares the others the call.

    poison: what broke the engine when it was read before. forget: whoever keeps more of an account
    is told that it is set aside.
    """

    REASON = "account_quarantined"

    def __init__(self, partition: Partition, poison: Sequence[Poison]) -> None:
        self._partition = partition
        self._poison: dict[int, list[Poison]] = {}
        for known in poison:
            self._poison.setdefault(known.offset, []).append(known)
        self._accounts: set[str] = set()
        self.forget: Callable[[str], None] = lambda account: None
        self.watches = bool(poison)

    def restore(self, accounts: Iterable[str]) -> None:
        """The accounts are there again; these of them are in quarantine."""
        self._accounts = set(accounts)
        self.watches = bool(self._accounts or self._poison)

    def release(self, account: str) -> None:
        """The account was erased: nothing of it is left that could not be trusted."""
        self._accounts.discard(account)

    def check(self, record: Record, account: str | None) -> None:
        """Raises BadInput when the engine must not see the record. account: None for control."""
        for poison in self._poison.get(record.offset, ()):
            if poison.account is not None:
                self.confine(poison.account)
            if poison.account == account:
                raise BadInput("engine_fault", poison.trace)
        if account in self._accounts:
            raise BadInput(
                self.REASON, "the engine failed, or the state of the account is too large"
            )

    def confine(self, id: str) -> None:
        """Set the account aside. Its open cases are dropped: a rule that no longer sees events must
        not fire.
        """
        account = self._partition.account(id)
        account.quarantined = True
        account.cases.clear()
        self._partition.dirty.add(id)
        self._accounts.add(id)
        self.forget(id)
        self.watches = True
        log.error("an account is in quarantine; its dead letters say why")
