"""Rules and calendars, from files or from a published record, into a checked rule book.

    load(folders)  at the start of a worker, a backtest, a test run
    parse(content)  when the log activates a rule set by its digest

The only place in the core that touches the disk. Either all is well, or every fault of every file
is told at once.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from models.calendar import Calendar
from models.errors import BadRule, BadSetting, Fault
from models.opening import CalendarForm
from rules.form_faults import did_you_mean, form_faults
from rules.grammar import AbsenceRule, SequenceRule, SlaRule
from rules.grammar_signals import (
    ChangeRule,
    CompositeRule,
    MismatchRule,
    ScoreRule,
    SignalRule,
)
from rules.membership import member_faults
from rules.overlay import entries, lay
from rules.positions import Document
from rules.soundness import form_sense, text_faults
from rules.suppression import suppression_faults
from rules.yaml_text import parse_document

CONTENT_VERSION = 1
AnyRule = (
    SignalRule
    | SequenceRule
    | AbsenceRule
    | SlaRule
    | ChangeRule
    | CompositeRule
    | MismatchRule
    | ScoreRule
)
KINDS: dict[str, Any] = {
    get_args(model.model_fields["kind"].annotation)[0]: model for model in get_args(AnyRule)
}


@dataclass(frozen=True)
class RuleBook:
    """rules: by id. content: canonical JSON, `parse` reads it back. digest: sha256 of it, hex.

    documents: the files by rule id, to point at; where: their names.
    """

    rules: tuple[AnyRule, ...]
    calendars: Mapping[str, Calendar]
    content: bytes
    digest: str
    documents: Mapping[str, Document] = field(repr=False, compare=False)

    @property
    def where(self) -> Mapping[str, str]:
        return {id: document.file for id, document in self.documents.items()}


def load(rules_dir: Path, calendars_dir: Path, overlay: Path | None = None) -> RuleBook:
    """Every *.yml below the two folders, with the overlay on the rules if there is one.

    Raises BadRule with all faults; BadSetting when a folder is not there or has no files.
    """
    faults: list[Fault] = []
    calendars = read_folder(calendars_dir, "PATHLINE_CALENDARS", faults)
    rules = read_folder(rules_dir, "PATHLINE_RULES", faults, overlay)
    for document in (*calendars, *rules):
        name = Path(document.file).stem
        if document.value is not None and _id(document) != name:
            faults.append(document.fault(("id",), f"the file is called {name}.yml, so is the id"))
    laid = _read_file(overlay, "PATHLINE_OVERLAY", faults) if overlay else None
    return _book(rules, calendars, faults, overlay=laid)


def parse(content: bytes) -> RuleBook:
    """The inverse of a book's `content`. Raises BadRule; faults are told by rule id and path.

    >>> parse(b'{"v":1,"rules":[],"calendars":[]}').rules
    ()
    """
    try:
        record = json.loads(content)
        if record["v"] != CONTENT_VERSION:
            raise ValueError(f"version {record['v']!r}; this Pathline reads {CONTENT_VERSION}")
        rules = [Document(f"rule {raw['id']}", dict(raw)) for raw in record["rules"]]
        calendars = [Document(f"calendar {raw['id']}", dict(raw)) for raw in record["calendars"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        message = f"not the content of a rule set: {type(error).__name__}: {error}"
        raise BadRule([Fault("content", 1, 1, message)]) from None
    return _book(rules, calendars, [], content)


def read_folder(
    folder: Path, variable: str, faults: list[Fault], overlay: Path | None = None
) -> list[Document]:
    """The files of a folder; an overlay that lies there is none of them."""
    if not folder.is_dir():
        raise BadSetting(f"{variable}: {folder} is not a folder")
    documents = [
        _read_file(path, variable, faults)
        for path in sorted(folder.rglob("*.y*ml"))
        if overlay is None or path.resolve() != overlay.resolve()
    ]
    if not documents:
        raise BadSetting(f"{variable}: there is no *.yml below {folder}")
    return documents


def _read_file(path: Path, variable: str, faults: list[Fault]) -> Document:
    """One that could not be read has its fault, and no value."""
    document = Document(str(path), None)
    if path.suffix != ".yml":
        faults.append(document.fault((), "is not read: call it .yml"))
        return document
    try:
        document, own = parse_document(path.read_bytes().decode("utf-8-sig"), str(path))
        faults += own
    except UnicodeDecodeError as error:
        faults.append(document.fault((), f"not UTF-8: {error.reason} at {error.start}"))
    except OSError as error:
        raise BadSetting(f"{variable}: {error}") from None
    return document


def _book(
    rules: list[Document],
    calendars: list[Document],
    faults: list[Fault],
    content: bytes | None = None,
    overlay: Document | None = None,
) -> RuleBook:
    """content: what it was read from; without, the canonical form is written."""
    documents, sheets = _named(rules, faults), _named(calendars, faults)
    known = _names(calendars)
    built = [_calendar(document, faults) for document in calendars]
    sound: dict[str, Any] = {}
    for document in rules:
        before = len(faults)
        form = _rule(document, known, faults)
        if form is not None and len(faults) == before:
            sound[form.id] = form
    if overlay is not None:
        for id in entries(overlay, faults):
            if id in sound:
                fields = [f.alias or name for name, f in type(sound[id]).model_fields.items()]
                documents[id] = lay(overlay, documents[id], fields, faults)
                sound[id] = _rule(documents[id], known, faults)
            elif id not in (names := _names(rules)):
                message = f"no rule {id!r}; {did_you_mean(id, names)}"
                faults.append(overlay.fault(("rules", id), message, key=True))
    faults += member_faults(sound, documents, _names(rules))
    if faults:
        raise BadRule(faults)
    if content is None:
        content = _canonical(documents, sheets)
    return RuleBook(
        rules=tuple(sorted(sound.values(), key=lambda form: str(form.id))),
        calendars={calendar.id: calendar for calendar in built if calendar},
        content=content,
        digest=sha256(content).hexdigest(),
        documents=documents,
    )


def _named(documents: Iterable[Document], faults: list[Fault]) -> dict[str, Document]:
    """By id; one that could not be read is left out, its fault is known."""
    named: dict[str, Document] = {}
    for document in documents:
        if document.value is None:
            continue
        first = named.setdefault(_id(document) or document.file, document)
        if first is not document:
            faults.append(document.fault(("id",), f"{first.file} has the same id"))
    return named


def _calendar(document: Document, faults: list[Fault]) -> Calendar | None:
    if document.value is None:
        return None
    try:
        return Calendar(CalendarForm.model_validate(document.value))
    except ValidationError as error:
        faults += form_faults(error, document, CalendarForm)
        return None


def _rule(document: Document, calendars: Collection[str], faults: list[Fault]) -> Any:
    """The form of a rule; None, and its faults told, when it has none."""
    if document.value is None:
        return None
    faults += text_faults(document, calendars)
    value = document.value
    if not isinstance(value, dict) or "kind" not in value:
        faults.append(document.fault((), f"a rule needs `kind`: one of {', '.join(KINDS)}"))
        return None
    model = KINDS.get(str(value["kind"]))
    if model is None:
        words = did_you_mean(str(value["kind"]), KINDS)
        faults.append(document.fault(("kind",), f"{value['kind']!r} is no kind of rule; {words}"))
        return None
    try:
        form = model.model_validate(value)
    except ValidationError as error:
        faults += form_faults(error, document, model)
        return None
    faults += form_sense(form, document)
    faults += suppression_faults(form, document)
    return form


def _canonical(rules: Mapping[str, Document], calendars: Mapping[str, Document]) -> bytes:
    """Equal rules give equal bytes, whatever the order and layout of their files."""
    record = {
        "v": CONTENT_VERSION,
        "rules": [rules[name].value for name in sorted(rules)],
        "calendars": [calendars[name].value for name in sorted(calendars)],
    }
    return json.dumps(record, sort_keys=True, separators=(",", ":")).encode()


def _names(documents: Iterable[Document]) -> set[str]:
    """The ids; of a file that could not be read the one that it is called by."""
    return {_id(document) or Path(document.file).stem for document in documents}


def _id(document: Document) -> str:
    value = document.value.get("id") if isinstance(document.value, dict) else None
    return value if isinstance(value, str) else ""
