"""What is installed is what was locked, and what is shipped is all that is needed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = ("models", "rules", "streams")
LOCKS = {
    "run": PROJECT["project"]["dependencies"],
    "build": PROJECT["dependency-groups"]["build"],
    "dev": [
        *PROJECT["project"]["dependencies"],
        *PROJECT["dependency-groups"]["build"],
        *[need for need in PROJECT["dependency-groups"]["dev"] if isinstance(need, str)],
    ],
}


def pins(name: str) -> dict[str, str]:
    """Package to version, of those lines of a lock that carry a hash."""
    text = (ROOT / f"requirements/{name}.lock").read_text()
    found = re.findall(r"^([\w.-]+)==(\S+)[^\\\n]*\\\n\s+--hash=sha256:[0-9a-f]{64}", text, re.M)
    return dict(found)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_dependency_is_locked_with_a_hash(lock: str) -> None:
    locked = pins(lock)
    text = (ROOT / f"requirements/{lock}.lock").read_text()
    assert len(locked) == len(re.findall(r"^\S+==", text, re.M))
    for need in LOCKS[lock]:
        name, _, pin = need.partition("==")
        name = re.split(r"[<>=~]", name)[0]
        assert name in locked, f"{name} is not in {lock}.lock: make lock"
        assert pin in ("", locked[name]), f"{lock}.lock has another {name}: make lock"


def test_what_runs_is_locked_alike_for_run_and_dev() -> None:
    run, dev = pins("run"), pins("dev")
    assert {name: dev.get(name) for name in run} == run


def test_the_wheel_has_every_file_of_the_packages(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "-w", tmp_path, source], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        shipped = set(archive.namelist())
    files = [path for package in PACKAGES for path in (source / package).rglob("*")]
    ours = {str(path.relative_to(source)) for path in files if path.is_file()}
    assert ours - shipped == set()
