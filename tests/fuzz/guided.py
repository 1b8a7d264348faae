"""One target under atheris, guided by coverage: `python -m tests.fuzz.guided TARGET libFuzzer…`.

A process of its own: atheris takes over the process, and ends it.
"""

from __future__ import annotations

import sys


def main() -> None:
    import atheris  # here: pytest reads this file, where atheris need not be

    with atheris.instrument_imports(include=["models", "rules", "streams"]):
        from tests.fuzz.targets import TARGETS

    name, *arguments = sys.argv[1:]
    atheris.Setup([sys.argv[0], *arguments], TARGETS[name].check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
