"""An overlay: what one customer sets for himself in the rules, in one file, without touching them.

    rules:
      contract.legal-reply-2bh: {goal: {within: 4bh}, owner: legal-apac}
      buying.compare-then-security-paper:
        steps: {paper: {gap: {max: 1h}}}         # the items of a list by their names

Between the files and the grammar: its values are laid onto the rule's, and the result is validated
as any rule is; a fault is told in the file that the value stands in. Mappings are merged, whatever
else stands in an overlay replaces what the rule has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from models.errors import Fault
from rules.form_faults import did_you_mean
from rules.positions import Document, Path

OPEN = (
    "status",
    "severity",
    "owner",
    "runbook",
    "suggested_action",
    "weight",
    "late",
    "alert",
    "feeds",
    "within",
    "steps.*.gap",
    "deadline",
    "goal",
    "warn_at",
    "escalate",
    "window",
    "baseline",
    "min_count",
    "when",
    "of.*.weight",
)
"""What an overlay may set, `*` is the name of an item. What a rule reads is not among it."""


class Change(NamedTuple):
    """A value of the overlay in place of the rule's; was: None, the rule has none.

    where: file:line:column of the value in the overlay.
    """

    path: Path
    was: Any
    value: Any
    where: str

    @property
    def name(self) -> str:
        """The path as people write it."""
        return ".".join(str(step + 1 if isinstance(step, int) else step) for step in self.path)


@dataclass(frozen=True)
class Overlaid(Document):
    """A rule with an overlay on it. places: the file, and the path in it, of each value."""

    places: dict[Path, tuple[Document, Path]] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()

    def fault(self, path: Path, message: str, *, key: bool = False, position: int = -1) -> Fault:
        """In the file that says what stands at the path."""
        while path not in self.places:
            path = path[:-1]
        document, own = self.places[path]
        return document.fault(own, message, key=key, position=position)


def entries(overlay: Document, faults: list[Fault]) -> Iterator[str]:
    """The rule ids that an overlay names; what is no overlay is told."""
    value = overlay.value
    if value is None:
        return  # it could not be read, and that is told
    if not isinstance(value, dict) or not isinstance(value.get("rules"), dict):
        shape = "an overlay is written `rules: {rule-id: {field: value}}`"
        faults.append(overlay.fault((), shape))
        return
    for name in value:
        if name != "rules":
            message = f"unknown field {name!r}; known here: rules"
            faults.append(overlay.fault((name,), message, key=True))
    for id, fields in value["rules"].items():
        if isinstance(fields, dict):
            yield id
        else:
            message = "a mapping is wanted here, such as {owner: legal}"
            faults.append(overlay.fault(("rules", id), message))


def lay(overlay: Document, base: Document, known: Collection[str], faults: list[Fault]) -> Document:
    """The rule with what the overlay says of it. known: the fields of the rule's kind.

    What may not be set is left out, and told.
    """
    layer = _Layer(overlay, base, known, faults)
    id = base.value["id"]
    value = layer.merge(base.value, overlay.value["rules"][id], (), ("rules", id))
    changes = tuple(layer.changes)
    return Overlaid(base.file, value, base.text, base.nodes, base.keys, layer.places, changes)


class _Layer:
    def __init__(
        self, overlay: Document, base: Document, known: Collection[str], faults: list[Fault]
    ) -> None:
        self.overlay = overlay
        self.faults = faults
        self.open = [tuple(p.split(".")) for p in OPEN if p.partition(".")[0] in known]
        self.known = known
        self.places = {path: (base, path) for path in base.nodes}
        self.changes: list[Change] = []

    def merge(self, value: Any, over: Any, path: Path, own: Path) -> Any:
        """The rule's value with the overlay's on it. path: in the rule; own: in the overlay."""
        self.places[path] = self.overlay, own
        steps: dict[str, Any]
        if isinstance(over, dict) and isinstance(value, dict):
            steps = {name: name for name in over}
        elif isinstance(over, dict) and isinstance(value, list):
            steps = _named(value)
        else:
            return self._replace(value, over, path, own)
        merged = value.copy()
        for name, part in over.items():
            if name not in steps:
                message = f"nothing is called {name!r} here; {did_you_mean(name, steps)}"
                self._fault((*own, name), message)
            elif self._is_open(here := (*path, steps[name]), (*own, name)):
                was = value.get(name) if isinstance(value, dict) else value[steps[name]]
                merged[steps[name]] = self.merge(was, part, here, (*own, name))
        return merged

    def _replace(self, value: Any, over: Any, path: Path, own: Path) -> Any:
        if not any(len(form) <= len(path) for form in self._forms(path)):
            inner = " or ".join(".".join(form) for form in self._forms(path))
            self._fault(own, f"an overlay may not replace this whole, only set {inner} in it")
            return value
        for known in [p for p in self.places if p[: len(path)] == path]:
            del self.places[known]
        for node in self.overlay.nodes:
            if node[: len(own)] == own:
                self.places[(*path, *node[len(own) :])] = self.overlay, node
        if over != value:
            place = self.overlay.fault(own, "")
            where = f"{place.file}:{place.line}:{place.column}"
            self.changes.append(Change(path, value, over, where))
        return over

    def _is_open(self, path: Path, own: Path) -> bool:
        if self._forms(path):
            return True
        name = str(path[0])
        known = dict.fromkeys(form[0] for form in self.open)
        if name not in self.known:
            self._fault(own, f"unknown field {name!r}; {did_you_mean(name, known)}")
        else:
            may = ", ".join(".".join(form) for form in self.open)
            self._fault(own, f"an overlay may not set this; it may set {may}")
        return False

    def _forms(self, path: Path) -> list[tuple[str, ...]]:
        """Of what is open: what lies at the path, above or below it."""
        steps = ["*" if isinstance(step, int) else step for step in path]
        return [form for form in self.open if all(a == b for a, b in zip(form, steps))]  # noqa: B905

    def _fault(self, own: Path, message: str) -> None:
        self.faults.append(self.overlay.fault(own, message, key=True))


def _named(items: list[Any]) -> dict[str, int]:
    """The places of a list's items: of steps by their `as`, of a composite's parts by the rule."""
    named = {}
    for i, item in enumerate(items):
        fields = item if isinstance(item, dict) else {}
        named[str(fields.get("as") or fields.get("rule") or f"step_{i + 1}")] = i
    return named
