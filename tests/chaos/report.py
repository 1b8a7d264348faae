"""What a run found: a line for each fault as it ends, and a file for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.chaos.finding import Finding


def line(name: str, found: Finding) -> str:
    """One fault.

    >>> print(line("F1", Finding("kill -9", recovery_s=2.04, seconds=31.0)))
    F1       ok     kill -9: 0 events, 0 alerts; over 0, under 0, duplicate 0, missing 0; \
recovery 2.0 s; 31 s
    """
    audit = found.audit
    parts = [
        f"{name:<8} {'BROKEN' if found.broken else 'ok    '} {found.injected}:"
        f" {audit.events:,} events, {audit.alerts:,} alerts",
        f"over {audit.over}, under {audit.under}, duplicate {audit.duplicate},"
        f" missing {audit.missing}",
    ]
    if audit.letters:
        parts.append(f"dead letters {audit.letters:,}")
    if found.recovery_s is not None:
        parts.append(f"recovery {found.recovery_s:.1f} s")
    if found.rss_mb:
        parts.append("RSS {:.0f} to {:.0f} MB".format(*found.rss_mb))
    parts += [f"{what} {value}" for what, value in found.figures.items()]
    text = "; ".join([*parts, f"{found.seconds:.0f} s"])
    return "\n".join([text, *(f"         - {fault}" for fault in found.broken)])


def write(path: Path, seed: int, size: float, found: Mapping[str, Finding]) -> None:
    """All figures."""
    whole: dict[str, Any] = {name: finding.to_json() for name, finding in found.items()}
    text = json.dumps({"seed": seed, "size": size, "faults": whole}, indent=2, default=sorted)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", "utf-8")
