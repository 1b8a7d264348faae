"""The accounts of a partition, most of them asleep: still the bytes that its changelog holds.

A worker that takes over a million accounts needs few of them soon. One wakes when an event or its
next deadline comes, in the same order as if it had been awake: its earliest deadline stands in
the heap for all, with an empty rule, which sorts before every rule of that account and instant.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heapify, heappush
from itertools import islice

from models.account import Account
from rules.snapshot import decode_account, read_front

WAKE = ""  # in the heap, in the place of a rule and of a case


class Accounts:
    """awake: by id; whoever looks for one here asks `find` when it is missing."""

    def __init__(self, heap: list[tuple[int, str, str, str]]) -> None:
        self.awake: dict[str, Account] = {}
        self._asleep: dict[str, bytes] = {}
        self._waiting: dict[str, None] = {}  # those asleep that have cases
        self._heap = heap

    def __len__(self) -> int:
        return len(self.awake) + len(self._asleep)

    def add(self, stored: Iterable[tuple[str, bytes]]) -> list[str]:
        """Accounts as `encode_account` wrote them, by id. Returns those in quarantine.

        Raises as `read_front`: what is damaged is told now, not when its account wakes.
        """
        confined = []
        for id, data in stored:
            front = read_front(data)
            self._asleep[id] = data
            if front.due:
                self._heap.append((front.due, id, WAKE, WAKE))
            if front.has_cases:
                self._waiting[id] = None
            if front.quarantined:
                confined.append(id)
        heapify(self._heap)
        return confined

    def find(self, id: str) -> Account | None:
        """The account, awake from now on; None: nobody has seen it."""
        return self.awake.get(id) or self._wake(id)

    def wake(self, most: int | None = None) -> bool:
        """Wake those that have cases, `most` of them. Whether there are more."""
        for id in list(islice(self._waiting, most)):
            self._wake(id)
        return bool(self._waiting)

    def wake_all(self) -> None:
        for id in list(self._asleep):
            self._wake(id)

    def is_asleep(self, id: str) -> bool:
        return id in self._asleep

    def forget(self, id: str) -> bool:
        """Whether there was one."""
        self._waiting.pop(id, None)
        known = self.awake.pop(id, None) or self._asleep.pop(id, None)
        return known is not None

    def _wake(self, id: str) -> Account | None:
        data = self._asleep.pop(id, None)
        if data is None:
            return None
        self._waiting.pop(id, None)
        account = self.awake[id] = decode_account(data)
        for due, rule, case in account.dues():
            heappush(self._heap, (due, id, rule, case))
        return account
