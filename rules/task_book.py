"""Tasks of scoring, from files, into checked forms: `rules/tasks/*.yml` beside the rules.

At the start of a worker, of a report, of a benchmark. Reads the folder through the loader of rules:
either all is well, or every fault of every file is told at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from models.errors import BadRule, Fault
from models.learners.registry import LEARNERS
from models.task import AlertTrigger, Task
from rules.form_faults import did_you_mean, form_faults
from rules.grammar import SequenceRule
from rules.grammar_signals import SignalRule
from rules.loader import AnyRule, RuleBook, read_folder
from rules.positions import Document
from rules.soundness import text_faults


def load_tasks(folder: Path, book: RuleBook) -> Mapping[str, Task]:
    """Every *.yml below the folder, by id. book: the rules and calendars that tasks may name.

    Raises BadRule with all faults; BadSetting when the folder is not there or has no files.
    """
    faults: list[Fault] = []
    rules = {form.id: form for form in book.rules}
    tasks: dict[str, Task] = {}
    for document in read_folder(folder, "PATHLINE_TASKS", faults):
        task = _task(document, book, faults)
        if task is None:
            continue
        if task.id != (name := Path(document.file).stem):
            faults.append(document.fault(("id",), f"the file is called {name}.yml, so is the id"))
        if task.id in tasks:
            faults.append(document.fault(("id",), "another file has the same id"))
        faults += _sense(task, document, rules)
        tasks[task.id] = task
    if faults:
        raise BadRule(faults)
    return tasks


def _task(document: Document, book: RuleBook, faults: list[Fault]) -> Task | None:
    if document.value is None:
        return None
    faults += text_faults(document, book.calendars)
    try:
        return Task.model_validate(document.value)
    except ValidationError as error:
        faults += form_faults(error, document, Task)
        return None


def _sense(task: Task, document: Document, rules: Mapping[str, AnyRule]) -> Iterator[Fault]:
    """What the form alone cannot see: the learner, and the rules whose alerts are labels."""
    for place, name in (("learner", task.learner), ("shadow", task.shadow)):
        if name is not None and name not in LEARNERS:
            message = f"no learner {name!r}; {did_you_mean(name, LEARNERS)}"
            yield document.fault((place,), message)
    for side in ("positive", "negative"):
        for i, trigger in enumerate(getattr(task, side)):
            if isinstance(trigger, AlertTrigger):
                for field, message in _alert_faults(trigger, task, rules):
                    yield document.fault((side, i, field), message)


def _alert_faults(
    trigger: AlertTrigger, task: Task, rules: Mapping[str, AnyRule]
) -> Iterator[tuple[str, str]]:
    """(field, message): the rule is there, says this state, and tells the task's cases apart."""
    rule = rules.get(trigger.alert)
    if rule is None:
        yield "alert", f"no rule {trigger.alert!r}; {did_you_mean(trigger.alert, rules)}"
        return
    if trigger.state != "firing" and isinstance(rule, SignalRule | SequenceRule):
        yield "state", f"a {rule.kind} rule has no end, so it only says `firing`"
    if missing := [path for path in task.case if path not in rule.key]:
        yield "alert", f"its alerts do not tell {', '.join(missing)}: put it into the rule's `key`"
