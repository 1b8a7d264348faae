"""`make fuzz`: each decoder for some seconds under atheris; what breaks one is kept in build/fuzz.

Exit code 1 when something was found. Copy the file into tests/fuzz/corpus/TARGET and mend it: from
then on `make test` looks at it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.seeds import load_seeds
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parent.parent.parent
FOUND = ROOT / "build" / "fuzz"
LIMITS = ["-rss_limit_mb=2048", "-timeout=10", "-max_len=4096"]  # s for one input, bytes
PATIENCE_S = 60  # beyond the time that was asked for: starting, writing down


def fuzz(target: str, seconds: int, seed: int) -> bool:
    """Whether nothing was found."""
    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate(load_seeds(target)):
            (Path(folder) / str(number)).write_bytes(data)
        bounds = [f"-max_total_time={seconds}", f"-seed={seed}", *LIMITS]
        run = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.guided", target, *bounds,
             f"-artifact_prefix={FOUND / target}-", folder],
            cwd=ROOT, capture_output=True, text=True, timeout=seconds + PATIENCE_S, check=False,
        )  # fmt: skip
    if run.returncode:
        print(f"{target}: FOUND\n{run.stdout}{run.stderr[-3_000:]}")
        return False
    done = [line for line in run.stderr.splitlines() if line.startswith("Done ")]
    print(f"{target}: {' '.join(done) or 'ended without a word'}", flush=True)
    return bool(done)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", help=f"of {', '.join(TARGETS)}; none: all")
    parser.add_argument("--seconds", type=int, default=60, help="of each target")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    if find_spec("atheris") is None:
        sys.exit(
            "atheris is not installed: `make fuzz` does it where there is a wheel, which is Linux"
            " with CPython 3.11 to 3.13; `make test` runs hypothesis everywhere"
        )
    FOUND.mkdir(parents=True, exist_ok=True)
    fine = [fuzz(target, chosen.seconds, chosen.seed) for target in chosen.targets or TARGETS]
    sys.exit(0 if all(fine) else 1)


if __name__ == "__main__":
    main()
