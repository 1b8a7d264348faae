"""YAML without its traps, and the place of each character."""

from __future__ import annotations

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.yaml_text import parse_document


def test_yaml_traps_stay_text() -> None:
    text = "on: yes\nno: off\nday: 2026-03-02\ntime: 12:30:45\nversion: 1.0.0\nzip: 007\n"
    document, faults = parse_document(text, "a.yml")
    assert faults == []
    assert document.value == {
        "on": "yes",
        "no": "off",
        "day": "2026-03-02",
        "time": "12:30:45",
        "version": "1.0.0",
        "zip": "007",
    }


def test_what_looks_like_a_number_or_a_word_of_json_is_one() -> None:
    document, _ = parse_document('[1, -2, 0.5, 1e3, true, false, null, ~, "1", "true"]', "a.yml")
    assert document.value == [1, -2, 0.5, 1000.0, True, False, None, None, "1", "true"]
    assert [type(value) for value in document.value[:2]] == [int, int]


@given(st.text(max_size=60))
@settings(deadline=None)
def test_no_text_breaks_the_reading(text: str) -> None:
    document, faults = parse_document(text, "a.yml")
    assert faults or document.value is not None


WORDS = st.text("ab'\"\\\\#: {}&é张\t\n", min_size=1, max_size=40)


@given(value=WORDS, style=st.sampled_from(["'", '"', "|", ">", None]))
@settings(deadline=None)
def test_a_place_inside_a_text_is_the_same_character_in_the_file(value: str, style: str) -> None:
    text = yaml.dump({"where": value}, default_style=style, allow_unicode=True, width=20)
    document, faults = parse_document(text, "a.yml")
    assert faults == []
    lines = text.split("\n")
    for position, character in enumerate(value):
        if not character.isspace():
            fault = document.fault(("where",), "", position=position)
            found = lines[fault.line - 1][fault.column - 1]
            assert found in (character, "\\")  # an escape begins with a backslash
