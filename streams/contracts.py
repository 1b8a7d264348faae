"""The contracts as documents: JSON Schemas of what is on the topics, and one AsyncAPI description.

Generated from the models into docs/contracts (`make contracts`); a stale one fails a test, and so
does one that breaks what docs/contracts/released has.
"""

from __future__ import annotations

import json
from inspect import cleandoc
from pathlib import Path
from typing import Any

import msgspec
import yaml

from models.alert import Alert
from models.event import CloudEvent
from models.learned_score import LearnedScore
from models.score import Score

DIALECT = "https://json-schema.org/draft/2020-12/schema"
CHANNELS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "raw.interactions.v1": ("receive", ("interaction.v1",), "CloudEvents as sources send them"),
    "pathline.interactions.v1": ("send", ("interaction.v1",), "validated, keyed by account"),
    "pathline.sla-breaches.v1": ("send", ("alert.v1",), "alerts of sla rules"),
    "pathline.journey-breaks.v1": ("send", ("alert.v1",), "alerts of absence rules"),
    "pathline.signals.v1": ("send", ("alert.v1",), "alerts of sequence rules, and of feeds"),
    "pathline.shadow-alerts.v1": ("send", ("alert.v1",), "alerts of rules with status shadow"),
    "pathline.scores.v1": (
        "send",
        ("score.v1", "score.v2"),
        "momentum of accounts, learned scores; `schema` says which",
    ),
    "pathline.alert-state.v1": ("send", ("alert.v1",), "latest state by fingerprint, compacted"),
}


def schemas() -> dict[str, dict[str, Any]]:
    """By contract name and major version."""
    return {
        "alert.v1": {"$schema": DIALECT, **_schema(Alert)},
        "score.v1": {"$schema": DIALECT, **_schema(Score)},
        "score.v2": {"$schema": DIALECT, **_schema(LearnedScore)},
        "interaction.v1": {"$schema": DIALECT, **_schema(CloudEvent)},
    }


def _schema(model: type[msgspec.Struct]) -> dict[str, Any]:
    """Its own fields outside, those of its parts in `$defs`."""
    schema: dict[str, Any] = _tidy(msgspec.json.schema(model))
    own: dict[str, Any] = schema["$defs"].pop(model.__name__)
    return own | ({"$defs": parts} if (parts := schema["$defs"]) else {})


def _tidy(schema: Any) -> Any:
    """Docstrings without their margin; and a choice of texts says that it is a text."""
    if isinstance(schema, list):
        return [_tidy(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    tidied = {name: _tidy(part) for name, part in schema.items()}
    if isinstance(text := tidied.get("description"), str):
        tidied["description"] = cleandoc(text)
    if isinstance(tidied.get("enum"), list):
        tidied["type"] = "string"
    return tidied


def _message(contract: str) -> dict[str, Any]:
    return {
        "contentType": "application/json",
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"./{contract}.json"},
        },
    }


def asyncapi() -> dict[str, Any]:
    """AsyncAPI 3.0 (asyncapi.com/docs/reference/specification/v3.0.0)."""
    channels, operations = {}, {}
    for address, (action, contracts, summary) in CHANNELS.items():
        name = address.replace(".", "-")
        messages = {contract: _message(contract) for contract in contracts}
        channels[name] = {"address": address, "summary": summary, "messages": messages}
        operations[f"{action}-{name}"] = {
            "action": action,
            "channel": {"$ref": f"#/channels/{name}"},
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Pathline",
            "version": "1.0.0",
            "description": "What Pathline reads and writes. Contracts change only by addition.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
    }


def documents() -> dict[str, str]:
    """File name to text, as they stand in docs/contracts."""
    files = {
        f"{name}.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for name, schema in schemas().items()
    }
    files["asyncapi.yaml"] = yaml.safe_dump(asyncapi(), sort_keys=False, allow_unicode=True)
    return files


def broken(old: dict[str, Any], new: dict[str, Any], at: str = "$") -> list[str]:
    """What a reader or writer of the old schema would stumble over in the new one.

    >>> broken({"properties": {"a": {"type": "string"}}}, {"properties": {}})
    ["$: 'a' is gone"]
    """
    found = []
    for name, schema in old.get("properties", {}).items():
        if name not in new.get("properties", {}):
            found.append(f"{at}: {name!r} is gone")
        else:
            found += broken(schema, new["properties"][name], f"{at}.{name}")
    if extra := set(new.get("required", ())) - set(old.get("required", ())):
        found.append(f"{at}: {sorted(extra)} became required")
    if missing := set(old.get("enum", ())) - set(new.get("enum", ())):
        found.append(f"{at}: values {sorted(missing)} are gone")
    if "type" in old and old["type"] != new.get("type"):
        found.append(f"{at}: type {old['type']} became {new.get('type')}")
    for name, schema in old.get("$defs", {}).items():
        found += broken(schema, new.get("$defs", {}).get(name, {}), f"{at}.{name}")
    return found


def write(folder: Path) -> None:
    """Write all documents."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in documents().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path("docs/contracts"))
