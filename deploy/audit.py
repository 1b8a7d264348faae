"""Known vulnerabilities of what is locked: pip-audit, and an answer that cannot be misread.

    python deploy/audit.py requirements/run.lock …

An advisory service that is not there, or does not know a package, must not look like a clean bill:
exit code 0 says that each package was looked up and none is known to be vulnerable, 1 that one is,
3 that some could not be looked up. Options before the files go to pip-audit, such as `-s osv`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

TIMEOUT_S = 600
FINE, VULNERABLE, UNKNOWN = 0, 1, 3


class Answer(NamedTuple):
    """vulnerable: `name version: ids`. unknown: `name: why`, or why nothing was looked up."""

    looked_up: int
    vulnerable: list[str]
    unknown: list[str]


def read_answer(stdout: str, stderr: str) -> Answer:
    """What pip-audit's JSON says; without one, the service was not reached.

    >>> read_answer('{"dependencies":[{"name":"a","version":"1","vulns":[]}]}', "").looked_up
    1
    >>> read_answer("", "ConnectionError: no route").unknown
    ['the advisory service was not reached: ConnectionError: no route']
    """
    try:
        found = json.loads(stdout)["dependencies"]
    except (ValueError, KeyError):
        last = stderr.strip().splitlines()[-1:] or ["pip-audit said nothing"]
        return Answer(0, [], [f"the advisory service was not reached: {last[0][:300]}"])
    vulnerable = [
        f"{each['name']} {each['version']}: {', '.join(v['id'] for v in each['vulns'])}"
        for each in found
        if each.get("vulns")
    ]
    unknown = [f"{each['name']}: {each['skip_reason']}" for each in found if "skip_reason" in each]
    return Answer(len(found) - len(unknown), vulnerable, unknown)


def ask(options: Sequence[str], lock: str) -> Answer:
    """One lock; only the service is asked, nothing is downloaded."""
    command = [sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip",
               "--progress-spinner", "off", "-f", "json", *options, "-r", lock]  # fmt: skip
    run = subprocess.run(  # noqa: S603 - our own command line
        command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    return read_answer(run.stdout, run.stderr)


def report(lock: str, answer: Answer) -> Iterable[str]:
    yield (
        f"{lock}: {answer.looked_up} looked up, {len(answer.vulnerable)} vulnerable,"
        f" {len(answer.unknown)} not looked up"
    )
    yield from (f"  VULNERABLE  {line}" for line in answer.vulnerable)
    yield from (f"  not known   {line}" for line in answer.unknown)


def main(arguments: Sequence[str]) -> int:
    locks = [argument for argument in arguments if argument.endswith(".lock")]
    options = [argument for argument in arguments if argument not in locks]
    answers = {lock: ask(options, lock) for lock in locks}
    for lock, answer in answers.items():
        sys.stdout.write("\n".join(report(lock, answer)) + "\n")
    if any(answer.vulnerable for answer in answers.values()):
        return VULNERABLE
    return UNKNOWN if any(answer.unknown for answer in answers.values()) else FINE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
