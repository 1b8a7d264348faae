"""docs/rules.md says what the code does: its examples run, its tables are generated."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from models.opening import CalendarForm
from rules.check import check
from rules.lint import lint
from rules.loader import load
from rules.meanings import MEANINGS
from rules.reference import reference
from rules.yaml_text import parse_document
from streams.settings import Settings

DOCS = Path(__file__).parents[2] / "docs" / "rules.md"
TEXT = DOCS.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def test_the_reference_is_as_the_models_are() -> None:
    _, _, written = TEXT.partition("<!-- generated: pathline rules reference -->\n\n")
    assert written == reference(), "write the output of `pathline rules reference` into it"


def test_no_meaning_is_left_of_a_field_that_is_gone() -> None:
    unused = [name for name, words in MEANINGS.items() if words not in reference()]
    assert unused == []


def test_the_first_rule_passes_its_tests_and_lint(tmp_path: Path) -> None:
    (tmp_path / "quote.no-call-3bd.yml").write_text(EXAMPLES[0], encoding="utf-8")
    book = load(tmp_path, Settings().calendars)
    outcomes = check(book)
    assert len(outcomes) == 3
    assert [str(outcome) for outcome in outcomes if not outcome.passed] == []
    assert [f for f in lint(book, 400 * 86_400_000) if f.level == "finding"] == []


@pytest.mark.parametrize("example", EXAMPLES[1:])
def test_the_other_examples_are_calendars(example: str) -> None:
    document, faults = parse_document(example, "docs/rules.md")
    assert faults == []
    assert CalendarForm.model_validate(document.value).by_weekday()[5] == ((36_000, 57_600),)
