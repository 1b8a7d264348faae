"""What the lanes of a run say, on disk: a part for each lane and kind, merged at the end.

A line is its place in the log, its account and its JSON. By place and account the parts merge into
one order, the same for any number of lanes: an account is in one of them.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import IO

import msgspec
from msgspec.structs import replace

from models.alert import encode_alert
from models.event import Event
from models.learned_score import LearnedScore, encode_learned
from models.score import Score, encode_score
from rules.context import Output

KINDS = ("alerts", "scores", "outcomes")

Line = tuple[int, bytes, bytes]


class Happened(msgspec.Struct, frozen=True, gc=False):
    """An event that alerts are held against, as the file of outcomes has it."""

    account: str
    at: datetime
    type: str
    source: str
    id: str


_encode = msgspec.json.encode
decode_outcome = msgspec.json.Decoder(Happened).decode


class Parts:
    """The parts of one lane. run: id of the run, on every alert and score."""

    def __init__(self, folder: Path, lane: str, run: str) -> None:
        self.topics: dict[str, str] = {}  # by rule, the short name of its topic
        self.counts: Counter[str] = Counter()
        self._run = run
        self._files = {kind: (folder / f"{kind}.{lane}").open("wb") for kind in KINDS}

    def tell(
        self,
        place: int,
        outputs: Sequence[Output],
        scores: Sequence[Score],
        learned: LearnedScore | None = None,
    ) -> None:
        """What was said at a place of the log. learned: by the log itself, or a model."""
        run = self._run
        lines = []
        for topic, alert in outputs:
            self.topics[alert.rule.id] = topic
            lines.append((place, _encode(alert.account), encode_alert(replace(alert, replay=run))))
        self.write("alerts", lines)
        lines = [(place, _encode(s.account), encode_score(replace(s, replay=run))) for s in scores]
        if learned:
            lines.append((place, _encode(learned.account), encode_learned(learned)))
        if lines:
            self.write("scores", lines)

    def tell_outcome(self, place: int, event: Event) -> None:
        """What alerts are held against has happened."""
        told = Happened(event.subject, event.time, event.type, event.source, event.id)
        self.write("outcomes", [(place, _encode(event.subject), _encode(told))])

    def write(self, kind: str, lines: list[Line]) -> None:
        """Lines of one place, those of an account in the order in which they were said."""
        if len(lines) > 1:
            lines.sort(key=by_place)
        self.counts[kind] += len(lines)
        self._files[kind].writelines(b"%d\t%s\t%s\n" % line for line in lines)

    def close(self) -> None:
        for file in self._files.values():
            file.close()


def by_place(line: Line) -> tuple[int, bytes]:
    return line[:2]


def merge_parts(folder: Path, kind: str, lanes: Iterable[str], target: Path) -> int:
    """All parts of a kind as one JSONL; the number of its lines."""
    count = 0
    with ExitStack() as stack, target.open("wb") as out:
        files = [stack.enter_context((folder / f"{kind}.{lane}").open("rb")) for lane in lanes]
        for _, _, text in heapq.merge(*map(_lines, files), key=by_place):
            out.write(text)
            count += 1
    return count


def _lines(file: IO[bytes]) -> Iterator[Line]:
    for line in file:
        place, account, text = line.split(b"\t", 2)
        yield int(place), account, text
