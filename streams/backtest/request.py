"""What is asked of a backtest; and the id of a run, which follows from it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import BadSetting
from models.identity import digest
from rules.loader import RuleBook
from streams.backtest.file_input import Span
from streams.backtest.mapping import Mapping, load_mapping
from streams.backtest.order import BUFFER
from streams.backtest.outcome import Outcome
from streams.backtest.plan import limits_of
from streams.settings import Settings

if TYPE_CHECKING:
    from models.task import Task

KAFKA = "kafka://"
RUN = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@dataclass(frozen=True)
class Request:
    """files, or a topic. mapping: None, the files hold CloudEvents. span, run_until_ms: ms.

    as_live: the log's own activations of rule sets count (topics). run: the id, empty: made.
    tasks: that score the events.
    """

    settings: Settings
    book: RuleBook
    files: tuple[Path, ...] = ()
    topic: str | None = None
    mapping: Mapping | None = None
    span: Span = Span()  # noqa: RUF009 - it cannot be changed
    run_until_ms: int | None = None
    processes: int = 1
    sort: bool = False
    buffer: int = BUFFER
    outcome: Outcome | None = None
    as_live: bool = False
    run: str = ""
    tasks: tuple[Task, ...] = ()

    @property
    def source(self) -> str:
        """For people."""
        return self.topic or ", ".join(map(str, self.files))

    @property
    def run_id(self) -> str:
        """The same question has the same id, whatever the number of processes."""
        if self.run:
            return self.run
        files = [(path.name, path.stat().st_size) for path in self.files if path.exists()]
        asked = (self.book.digest, *files, self.topic, self.mapping, self.span, self.run_until_ms)
        decides = (self.settings.lateness_s, limits_of(self.settings), self.as_live)
        return digest(*asked, *decides, *self.tasks)[:12]


def parse_sources(texts: list[str]) -> tuple[tuple[Path, ...], str | None]:
    """(files, topic) of what stands behind --from. Raises BadSetting.

    >>> parse_sources(["kafka://interactions"])
    ((), 'interactions')
    """
    topics = [text.removeprefix(KAFKA) for text in texts if text.startswith(KAFKA)]
    if not texts:
        raise BadSetting("--from: a file, several, or kafka://TOPIC")
    if not topics:
        return tuple(map(Path, texts)), None
    if len(texts) > 1 or not topics[0]:
        raise BadSetting("--from: one kafka://TOPIC, or files; not both, not several topics")
    return (), topics[0]


def make_request(
    settings: Settings,
    book: RuleBook,
    sources: list[str],
    mapping: Path | None = None,
    *,
    span: tuple[int | None, int | None] = (None, None),
    run_until_ms: int | None = None,
    processes: int = 1,
    sort: bool = False,
    buffer: int = BUFFER,
    outcome: Outcome | None = None,
    as_live: bool = False,
    run: str = "",
    tasks: Path | None = None,
) -> Request:
    """From what a person wrote. Raises BadSetting for what does not go together, BadRule with every
    fault of the tasks.
    """
    files, topic = parse_sources(sources)
    if topic and (mapping or sort):
        raise BadSetting("--map and --sort are for files; a topic holds events in the log's order")
    if as_live and not topic:
        raise BadSetting("--as-live is for topics: a file activates no rule sets")
    if tasks and topic:
        raise BadSetting("--tasks is for files: the partitions of a topic have no common order")
    if run and not RUN.fullmatch(run):
        raise BadSetting(f"--run {run}: lower case letters, digits and -, at most 40")
    return Request(
        settings,
        book,
        files,
        topic,
        load_mapping(mapping) if mapping else None,
        Span(*span),
        run_until_ms,
        processes,
        sort,
        buffer,
        outcome,
        as_live,
        run,
        _tasks(tasks, book) if tasks else (),
    )


def _tasks(folder: Path, book: RuleBook) -> tuple[Task, ...]:
    from rules.task_book import load_tasks  # brings numpy, which processes of a run do without

    return tuple(load_tasks(folder, book).values())
