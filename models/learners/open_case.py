"""What an account remembers for one task: its open cases. Plain state; `rules/scoring.py` moves it.

Arrays on disk: only append fields.
"""

from __future__ import annotations

import msgspec

from models.learners.case_features import AccountFeatures, CaseFeatures, Tally


class OpenCase(msgspec.Struct, array_like=True):
    """name: the same nowhere else, also when the key comes again. since, due: ms, of the start and
    of the horizon.
    """

    name: str
    since: int
    due: int
    features: CaseFeatures


class TaskAccount(msgspec.Struct, array_like=True):
    """cases: by the canonical values of their key, the oldest first."""

    features: AccountFeatures = msgspec.field(default_factory=lambda: AccountFeatures(Tally(0)))
    cases: dict[str, OpenCase] = {}

    def due(self) -> int:
        """The next instant at which a case is over, ms; 0: none."""
        return min((case.due for case in self.cases.values()), default=0)
