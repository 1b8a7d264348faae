"""The published contracts are those of the code, and change only by addition."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from models.alert import encode_alert
from streams.contracts import broken, documents, schemas
from tests.story import Story, rule_set
from tests.unit.test_sla import SLA

FOLDER = Path(__file__).parents[2] / "docs" / "contracts"


@pytest.mark.parametrize("name", documents())
def test_no_document_is_stale(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert text == documents()[name], "run `make contracts`"


@pytest.mark.parametrize("name", schemas())
def test_nothing_published_is_broken(name: str) -> None:
    text = (FOLDER / "released" / f"{name}.json").read_text(encoding="utf-8")
    assert broken(json.loads(text), schemas()[name]) == []


def test_a_break_is_seen() -> None:
    old = schemas()["alert.v1"]
    new: dict[str, Any] = json.loads(json.dumps(old))
    del new["properties"]["owner"]
    new["required"].append("score")
    new["$defs"]["State"]["enum"].remove("expired")
    assert broken(old, new) == [
        "$: 'owner' is gone",
        "$: ['score'] became required",
        "$.State: values ['expired'] are gone",
    ]


def test_an_alert_has_what_its_contract_requires() -> None:
    alert = Story(rule_set(SLA)).event("0h", "contract.revised").tick("2h").outputs[0].alert
    body = json.loads(encode_alert(alert))
    schema = schemas()["alert.v1"]
    assert set(schema["required"]) <= set(body) == set(schema["properties"])
