"""How a rule reads an event: its triggers by type, its key, the fields that its sentence shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from models.case import Mark
from models.event import Event
from rules.condition import Condition, compile_condition
from rules.grammar import RuleForm, Trigger
from rules.paths import compile_key, compile_path
from rules.template import Template


class Reader:
    """roles: the rule's triggers in order of precedence, None where the rule has none.

    by_type: for an event type, the (role, condition) pairs to try; plain: the roles where no
    condition is to be tried. types: by role. keyed: whether the rule tells instances apart.
    """

    def __init__(
        self, form: RuleForm, names: Sequence[str], triggers: Sequence[Trigger | None]
    ) -> None:
        self.by_type: dict[str, list[tuple[int, Condition | None]]] = {}
        self.types = [trigger.type if trigger else "" for trigger in triggers]
        self.wheres: list[Condition | None] = []
        for role, trigger in enumerate(triggers):
            where = compile_condition(trigger.where) if trigger and trigger.where else None
            self.wheres.append(where)
            if trigger is not None:
                self.by_type.setdefault(trigger.type, []).append((role, where))
        self.key = compile_key(form.key)
        self.keyed = bool(form.key)
        fields = Template(form.why, names).fields
        self.values = [
            tuple(compile_path(path) for name, path in fields if name == own) for own in names
        ]

        self.plain = {
            type: [role for role, _ in pairs]
            for type, pairs in self.by_type.items()
            if all(where is None for _, where in pairs)
        }

    def matches(self, event: Event) -> list[int]:
        """The roles that the event plays."""
        plain = self.plain.get(event.type)
        if plain is not None:
            return plain
        return [role for role, where in self.by_type[event.type] if where is None or where(event)]

    def plays(self, event: Event, role: int) -> bool:
        """Whether the event, which is of that role's type, plays it."""
        where = self.wheres[role]
        return where is None or where(event)

    def mark(self, event: Event, role: int, at: int, zone: str | None = None) -> Mark:
        """The event in this role, counting at `at` (ms)."""
        values: tuple[Any, ...] = ()
        if self.values[role]:
            values = tuple(get(event) for get in self.values[role])
        late = at - event.at
        return Mark(at, event.offset, role, event.source, event.id, late, zone, values)
