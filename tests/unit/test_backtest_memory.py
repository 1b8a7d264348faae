"""A run streams: what it holds grows with the accounts, not with the file; and it says how much."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rules.loader import parse
from streams.backtest.memory import ACCOUNT_BYTES, MIB, Estimate, estimate
from streams.backtest.request import make_request
from streams.settings import Settings
from tests.story import content_of

PADDING = "x" * 1_500  # of data that no rule reads
RULES = content_of(
    {
        "id": "quiet",
        "kind": "absence",
        "anchor": {"type": "trial.started"},
        "expect": {"type": "feature.used"},
        "deadline": {"after": "1h"},
    }
)
PROGRAM = """
import sys
from pathlib import Path
from rules.loader import parse
from streams.backtest.request import make_request
from streams.backtest.runner import execute
from streams.backtest.summary import summarize
from streams.settings import Settings
book = parse(Path(sys.argv[1]).read_bytes())
request = make_request(Settings(), book, [sys.argv[2]], buffer=100)
ran = execute(request, Path(sys.argv[3]))
print(ran.found.events, summarize(ran, None)["cost"]["memory_peak_mib"])
"""


def write_events(path: Path, events: int, accounts: int) -> Path:
    with path.open("w", encoding="utf-8") as file:
        for n in range(events):
            event = {
                "specversion": "1.0",
                "id": f"{n}",
                "source": "//crm",
                "type": "trial.started" if n % 10 == 0 else "feature.used",
                "time": f"2026-03-{n * 20 // events + 1:02}T09:00:00Z",
                "subject": f"a{n % accounts}",
                "data": {"text": PADDING},
            }
            file.write(json.dumps(event) + "\n")
    return path


def peak_mib(folder: Path, events: int) -> int:
    """In a process of its own, which is all that its peak tells of."""
    (folder / "rules.json").write_bytes(RULES)
    file = write_events(folder / f"{events}.jsonl", events, accounts=50)
    command = [sys.executable, "-c", PROGRAM, "rules.json", str(file), f"out-{events}"]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    count, peak = found.stdout.split()
    assert int(count) == events
    return int(peak)


def test_a_file_is_larger_than_what_it_takes_to_read_it(tmp_path: Path) -> None:
    small, large = peak_mib(tmp_path, 2_000), peak_mib(tmp_path, 60_000)
    file_mib = (tmp_path / "60000.jsonl").stat().st_size / MIB
    assert file_mib > 90
    assert large - small < file_mib / 4


@pytest.mark.parametrize(("events", "accounts"), [(500, 50), (20_000, 20_000)])
def test_the_estimate_knows_the_accounts_by_the_head_of_the_file(
    tmp_path: Path, events: int, accounts: int
) -> None:
    file = write_events(tmp_path / "events.jsonl", events, accounts)
    request = make_request(Settings(), parse(RULES), [str(file)], processes=2)
    found = estimate(request)
    assert found.accounts == pytest.approx(accounts, rel=0.1)
    alone = estimate(make_request(Settings(), parse(RULES), [str(file)], processes=1))
    assert alone.bytes < found.bytes
    assert found.bytes > accounts * ACCOUNT_BYTES


def test_of_a_topic_it_says_what_each_account_will_take() -> None:
    said = str(estimate(make_request(Settings(), parse(RULES), ["kafka://interactions"])))
    assert said == "memory: about 380 MiB and 5 kB an account"
    assert str(Estimate(512 * MIB, 1_000, 1)) == (
        "memory: at most about 512 MiB, for up to 1,000 accounts"
    )
