"""`pathline rules explain --from FILE`: what it prints, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from streams.cli import app

PAPER = "buying.compare-then-security-paper"
LEGAL = "contract.legal-reply-2h"
EVENTS = [
    ("acme", "09:00", "page.viewed", {"page": "competitor-compare", "dwell_s": 210}),
    ("beta", "09:01", "contract.revision_received", {"contract_id": "C-1"}),
    ("acme", "09:12", "document.downloaded", {"document": "security-whitepaper"}),
    ("acme", "10:00", "contract.revision_received", {"contract_id": "C-9"}),
    ("gamma", "13:00", "mail.opened", {}),
]
Explain = Callable[..., Result]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "events.jsonl"
    lines = [
        {
            "specversion": "1.0",
            "id": str(n),
            "source": "//web",
            "type": type,
            "time": f"2026-03-02T{at}:00+08:00",
            "subject": account,
            "data": data,
        }
        for n, (account, at, type, data) in enumerate(EVENTS)
    ]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n", "utf-8")
    return path


@pytest.fixture
def explain(file: Path) -> Explain:
    def run(*words: str) -> Result:
        return CliRunner().invoke(app, ["rules", "explain", *words, "--from", str(file)])

    return run


def test_it_reads_as_a_story(explain: Explain, file: Path) -> None:
    assert explain(PAPER, "--account", "acme").stdout == (
        f"{PAPER} 1.0.0 for acme, from {file}\n"
        """\
the clock stands at 2026-03-02 12:59:50+08:00
2026-03-02 09:00:00+08:00  page.viewed 0
    compare: matched
        yes  data.page == "competitor-compare" (data.page is "competitor-compare")
        yes  data.dwell_s > 180 (data.dwell_s is 210)
    compare begins a match
2026-03-02 09:12:00+08:00  document.downloaded 2
    paper: matched
        yes  data.document == "security-whitepaper" (data.document is "security-whitepaper")
    paper came 12m after compare, within is 10m
nothing is open
it has not fired, because
    document.downloaded at 2026-03-02 09:12:00+08:00: paper came 12m after compare, within is 10m
"""
    )


def test_the_clock_of_a_file_is_moved_by_all_its_accounts(explain: Explain) -> None:
    printed = explain(LEGAL, "--account", "acme").stdout
    assert "-> firing (due) at 2026-03-02 12:00:00+08:00: " in printed
    assert "it has not fired" not in printed


def test_at_an_instant_only_what_had_happened_counts(explain: Explain) -> None:
    words = (LEGAL, "--account", "acme", "--at", "2026-03-02T11:59:59+08:00")
    printed = explain(*words).stdout
    assert "next deadline: 2026-03-02 12:00:00+08:00" in printed
    assert "it has not fired, because\n    open since 2026-03-02 10:00:00+08:00" in printed
    early = explain(LEGAL, "--account", "acme", "--at", "2026-03-02T09:30:00+08:00").stdout
    assert "no event came that it reads: contract.revision_received, " in early


def test_programs_read_json(explain: Explain) -> None:
    found = json.loads(explain(PAPER, "--account", "acme", "--json").stdout)
    assert (found["fired"], found["next_deadline"], found["account"]) == (False, None, "acme")
    (compare,) = found["moments"][0]["roles"]
    assert compare["terms"][1] == {
        "text": "data.dwell_s > 180",
        "reason": "matched",
        "seen": {"data.dwell_s": 210},
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("buying.compare", "--account", "acme"), "no rule 'buying.compare'; "),
        ((PAPER, "--account", ""), "--account: 1 to 256 bytes"),
        ((PAPER, "--account", "acme", "--at", "2026-03-02"), "write date, time and offset"),
        ((PAPER, "--account", "acme", "--at", "noon"), "write date, time and offset"),
    ],
)
def test_what_cannot_be_explained_is_told(
    explain: Explain, words: tuple[str, ...], message: str
) -> None:
    assert message in str(explain(*words).exception)


def test_a_line_that_is_no_event_is_named(explain: Explain, file: Path) -> None:
    file.write_text(file.read_text("utf-8") + "{}\n", "utf-8")
    told = str(explain(PAPER, "--account", "acme").exception)
    assert told.startswith(f"{file}:6: missing_field: ")
