"""Errors named by what the caller must do about them; a bug is an assert and crashes."""

from __future__ import annotations

from dataclasses import dataclass


class PathlineError(Exception):
    """Base of every error that Pathline raises on purpose."""


class BadInput(PathlineError):
    """A record cannot be used: dead-letter it and go on.

    reason: a short snake_case word, the same in logs, metrics and the dead letter.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, order=True)
class Fault:
    """One fault in something that a person wrote: where it is and what to do about it.

    >>> str(Fault("rules/library/a.yml", 3, 7, "unknown field 'wihtin'; did you mean 'within'?"))
    "rules/library/a.yml:3:7: unknown field 'wihtin'; did you mean 'within'?"
    """

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class BadRule(PathlineError):
    """Rules or calendars are wrong: refuse to start, with every fault at once (exit code 2)."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = sorted(faults)
        super().__init__("\n".join(map(str, self.faults)))


class BadSetting(PathlineError):
    """The configuration is wrong: refuse to start (exit code 3)."""


class Unavailable(PathlineError):
    """Something outside is not there now: retry, or end with exit code 3."""
