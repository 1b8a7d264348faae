"""The accounts of a partition that have cases, most of them asleep: the bytes of the changelog.

Inside the case book, like rules/asleep.py for the engine: an account wakes when an event of it
comes, an alert, or its next horizon.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping

from rules.case_state import States, decode_states, due_of, encode_states, read_due


class CaseAccounts:
    """stamps: of the tasks that there are; cases of other tasks, or other versions, are dropped.

    dirty: ids of the accounts that changed.
    """

    def __init__(self, stamps: Mapping[str, str], stats: Counter[str]) -> None:
        self.dirty: set[str] = set()
        self._stamps = stamps
        self._stats = stats
        self._awake: dict[str, States] = {}
        self._asleep: dict[str, bytes] = {}
        self._dues: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._awake) + len(self._asleep)

    def find(self, id: str) -> States | None:
        """Awake from now on; None: there is nothing."""
        states = self._awake.get(id)
        if states is None and (data := self._asleep.pop(id, None)) is not None:
            states = self._awake[id] = self._known(decode_states(data))
        return states

    def changed(self, id: str, states: States) -> None:
        """To be called after each change, and for what is new."""
        self._awake[id] = states
        self.dirty.add(id)
        due = due_of(states)
        if due != self._dues.get(id, 0):
            self._dues[id] = due
            if due:
                heapq.heappush(self._heap, (due, id))

    def next_due(self) -> int | None:
        """The next horizon, ms."""
        heap = self._heap
        while heap and self._dues.get(heap[0][1]) != heap[0][0]:
            heapq.heappop(heap)  # that account has moved on
        return heap[0][0] if heap else None

    def pop_due(self, clock: int) -> tuple[int, str] | None:
        """The account with the earliest horizon up to the clock; it must be told of as changed."""
        due = self.next_due()
        if due is None or due > clock:
            return None
        _, id = heapq.heappop(self._heap)
        self._dues[id] = 0
        return due, id

    def forget(self, id: str) -> bool:
        """Whether there was anything."""
        known = self._awake.pop(id, None) is not None or self._asleep.pop(id, None) is not None
        self._dues.pop(id, None)
        self.dirty.discard(id)
        return known

    def add(self, stored: Iterable[tuple[str, bytes]]) -> None:
        """By id, as `encode` gave them. Raises as `read_due`."""
        for id, data in stored:
            self._asleep[id] = data
            if due := read_due(data):
                self._dues[id] = due
                self._heap.append((due, id))
        heapq.heapify(self._heap)

    def encode(self, id: str, bytes_max: int) -> bytes:
        """For the changelog. What no record can hold loses its rows: the cases go on, and what was
        scored so far teaches nobody.
        """
        states = self._awake[id]
        data = encode_states(states)
        if len(data) > bytes_max:
            self._stats["score_state_too_large"] += 1
            for state in states.values():
                for case in state.scored.values():
                    case.rows.clear()
            data = encode_states(states)
        return data

    def _known(self, states: States) -> States:
        known = {task: s for task, s in states.items() if self._stamps.get(task) == s.stamp}
        if len(known) < len(states):
            self._stats["score_task_changed"] += len(states) - len(known)
        return known
