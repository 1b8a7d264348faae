"""The sentences of the two languages: as many, with the same slots, about what is there."""

from __future__ import annotations

import re

from rules.describe import LANGUAGES
from rules.loader import KINDS


def test_every_kind_has_its_sentences() -> None:
    assert KINDS.keys() == LANGUAGES["en"].kinds.keys()


def test_the_languages_have_the_same_sentences_with_the_same_slots() -> None:
    english, chinese = LANGUAGES["en"], LANGUAGES["zh"]
    assert {k: list(fields) for k, fields in english.kinds.items()} == {
        k: list(fields) for k, fields in chinese.kinds.items()
    }
    tables = ("common", "values", "words", "units")
    for table in tables:
        assert getattr(english, table).keys() == getattr(chinese, table).keys()

    def slots(text: str) -> list[str]:
        return sorted(re.findall(r"{(\w+)}", text))

    pairs = [
        *((text, chinese.kinds[k][f]) for k, fs in english.kinds.items() for f, text in fs.items()),
        *((getattr(english, t)[n], getattr(chinese, t)[n]) for t in tables[:3]
          for n in getattr(english, t)),
    ]  # fmt: skip
    for one, other in pairs:
        assert slots(one) == slots(other)


def test_a_sentence_speaks_of_fields_that_are_there() -> None:
    for kind, sentences in LANGUAGES["en"].kinds.items():
        if kind in KINDS:
            known = {field.alias or name for name, field in KINDS[kind].model_fields.items()}
            assert sentences.keys() <= known
