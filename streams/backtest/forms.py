"""What people write for a backtest, from a YAML file into a checked form: mappings, expectations.

Ahead of a run. The same YAML and the same words about faults as for rules.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from models.errors import BadSetting, Fault
from rules.form_faults import form_faults
from rules.grammar_base import Form
from rules.positions import Document
from rules.yaml_text import parse_document

FormT = TypeVar("FormT", bound=Form)


def load_form(path: Path, model: type[FormT]) -> tuple[FormT, Document]:
    """The form, and the document to point at places in it. Raises BadSetting with every fault."""
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise BadSetting(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise BadSetting(f"{path}: not UTF-8: {error.reason} at {error.start}") from None
    return parse_form(text, str(path), model)


def parse_form(text: str, name: str, model: type[FormT]) -> tuple[FormT, Document]:
    """The same, of a text. name: of the file, for the faults."""
    document, faults = parse_document(text, name)
    if not faults:
        try:
            return model.model_validate(document.value), document
        except ValidationError as error:
            faults = form_faults(error, document, model)
    raise bad_form(faults)


def bad_form(faults: list[Fault]) -> BadSetting:
    return BadSetting("\n".join(map(str, sorted(faults))))
