"""A desk: a folder with rules and a file of offers, and `pathline backtest` in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from models.alert import Alert, decode_alert
from streams.cli import main
from tests.story import COMMON, TESTS

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOSTILE = '</script><img src=x onerror="alert(1)">'
SILENT = {
    "id": "offer.silent",
    "kind": "absence",
    "anchor": {"type": "offer.sent"},
    "expect": {"type": "offer.answered"},
    "deadline": {"after": "7d"},
    "weight": {"value": 0.8, "half_life": "14d"},
}
TWICE = {
    "id": "offer.sent-twice",
    "kind": "sequence",
    "steps": [{"type": "offer.sent"}, {"type": "offer.sent"}],
    "within": "3d",
}


def offer(account: str, day: float, type: str, **more: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"{account}-{day}-{type}",
        "source": "//crm",
        "type": type,
        "time": (START + timedelta(days=day)).isoformat(),
        "subject": account,
        **more,
    }


EVENTS = [
    offer("acme", 0, "offer.sent"),
    offer("bolt", 1, "offer.sent"),
    offer(HOSTILE, 1.5, "offer.sent"),
    offer("acme", 2, "offer.answered"),
    offer("bolt", 12, "deal.lost", data={"value": 9}),
    offer("cask", 60, "deal.lost", data={"value": 1}),
]


class Desk:
    """A folder with rules and events, and the command in it."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, capsys: Any) -> None:
        self._patch, self._capsys = patch, capsys
        self.folder = folder
        patch.chdir(folder)
        patch.delenv("PATHLINE_OVERLAY", raising=False)
        self.rules("rules", SILENT, TWICE)
        lines = b"".join(json.dumps(event).encode() + b"\n" for event in EVENTS)
        (folder / "events.jsonl").write_bytes(lines)

    def rules(self, name: str, *rules: dict[str, Any]) -> None:
        (self.folder / name).mkdir()
        for rule in rules:
            text = yaml.safe_dump({**COMMON, "tests": TESTS, **rule})
            (self.folder / name / f"{rule['id']}.yml").write_text(text, "utf-8")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, "utf-8")

    def run(self, *words: str, out: str = "out") -> tuple[int, str]:
        """(exit code, what was printed)."""
        usual = ["--from", "events.jsonl", "--rules", "rules", "--out", out, "--processes", "1"]
        self._patch.setattr("sys.argv", ["pathline", "backtest", *usual, *words])
        with pytest.raises(SystemExit) as caught:
            main()
        printed = self._capsys.readouterr()
        return int(caught.value.code or 0), printed.out + printed.err

    def summary(self, out: str = "out") -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / out / "summary.json").read_bytes())
        return found

    def alerts(self, out: str = "out") -> list[tuple[str, str, str, str]]:
        found = self.decoded(out)
        return [(a.rule.id, a.account, a.state, str(a.occurred_at - START)) for a in found]

    def decoded(self, out: str = "out") -> list[Alert]:
        """In order of time."""
        lines = (self.folder / out / "alerts.jsonl").read_bytes().splitlines()
        return sorted(map(decode_alert, lines), key=lambda alert: alert.occurred_at)
