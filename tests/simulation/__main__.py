"""Runs seeds by hand: `python -m tests.simulation --seed 7` shows all that happened in one."""

from __future__ import annotations

import argparse
import sys

from tests.simulation.run import simulate


def main() -> int:
    """Exit code 1 when the seed fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    arguments = parser.parse_args()
    report = simulate(arguments.seed)
    print(report.trace)
    print(report if report.faults else f"seed {report.seed} is well, {report.steps} steps")
    return int(bool(report.faults))


if __name__ == "__main__":
    sys.exit(main())
