"""What Pathline is made of, and what is known about it: bill of materials and audit."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.unit.test_platform_package import pins

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def bill() -> str:
    command = [sys.executable, ROOT / "deploy/sbom.py"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def components(bill: str, kind: str) -> list[dict[str, Any]]:
    return [c for c in json.loads(bill)["components"] if c["purl"].startswith(f"pkg:{kind}/")]


def test_the_bill_is_cyclonedx(bill: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill) is None
    broken = bill.replace('"CycloneDX"', '"Cyclone"')
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(broken) is not None


def test_it_names_each_locked_package_and_each_jar_with_hashes(bill: str) -> None:
    packages = {c["name"]: c["version"] for c in components(bill, "pypi")}
    assert packages == pins("run")
    locked = re.findall(
        r"^\S+:\S+:\S+ [0-9a-f]{64}$", (ROOT / "streams/data/kafka.lock").read_text(), re.M
    )
    jars = {
        f"{c['group']}:{c['name']}:{c['version']} {c['hashes'][0]['content']}"
        for c in components(bill, "maven")
    }
    assert jars == set(locked)
    assert all(c["hashes"] for c in components(bill, "pypi"))


def test_the_same_locks_give_the_same_bytes(bill: str) -> None:
    command = [sys.executable, ROOT / "deploy/sbom.py"]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == bill


PIP_AUDIT = """
import json, sys
print(json.dumps({{"dependencies": {dependencies}}}) if {answers} else "", end="")
print("requests.exceptions.ConnectionError: no such host", file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("dependencies", "answers", "code", "told"),
    [
        ([{"name": "a", "version": "1", "vulns": []}], True, 0, "1 looked up, 0 vulnerable"),
        ([{"name": "a", "version": "1", "vulns": [{"id": "CVE-1"}]}], True, 1, "a 1: CVE-1"),
        ([{"name": "a", "skip_reason": "not found"}], True, 3, "a: not found"),
        ([], False, 3, "the advisory service was not reached: requests.exceptions.Connection"),
    ],
)
def test_an_audit_that_did_not_look_is_no_clean_bill(
    tmp_path: Path, dependencies: list[Any], answers: bool, code: int, told: str
) -> None:
    """Against a pip-audit of the test's own, which answers so."""
    stand_in = PIP_AUDIT.format(dependencies=dependencies, answers=answers)
    (tmp_path / "pip_audit.py").write_text(stand_in)
    run = subprocess.run(
        [sys.executable, ROOT / "deploy/audit.py", "run.lock"],
        env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (run.returncode, told in run.stdout) == (code, True), run.stdout + run.stderr
