"""What a caller outside `rules/cel` sees of a failure: one error for text, one for evaluation."""

from __future__ import annotations

from rules.cel.values import Error


class ConditionError(ValueError):
    """The text is no valid expression.

    position: the offset in the text where the fault is, from 0. message: what, and what to do.
    """

    def __init__(self, position: int, message: str) -> None:
        super().__init__(f"at {position}: {message}")
        self.position = position
        self.message = message


class CelError(Exception):
    """An evaluation has no value; `error` says why."""

    def __init__(self, error: Error) -> None:
        super().__init__(f"{error.kind}: {error.text}")
        self.error = error
