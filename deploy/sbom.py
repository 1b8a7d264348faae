"""The bill of materials of what runs: CycloneDX 1.6 as JSON, from the locks alone.

    python deploy/sbom.py > build/sbom.json

Python packages with the hashes of all their wheels (requirements/run.lock), and the jars of the
embedded Kafka (streams/data/kafka.lock). The same locks give the same bytes.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

ROOT = Path(__file__).parent.parent
PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^\s;\\]+)(?: ; (?P<marker>[^\\\n]+?))? \\\n"
                 r"(?P<hashes>(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.M)  # fmt: skip
JAR = re.compile(
    r"^(?P<group>[^:#\s]+):(?P<name>[^:]+):(?P<version>\S+) (?P<hash>[0-9a-f]{64})$", re.M
)


def make_bom(run_lock: str, kafka_lock: str, version: str) -> Bom:
    """version: of Pathline."""
    bom = Bom(components=[*python_components(run_lock), *jar_components(kafka_lock)])
    bom.serial_number = uuid5(NAMESPACE_URL, f"pathline {version} {run_lock} {kafka_lock}")
    bom.metadata.timestamp = None
    ours = PackageURL("pypi", name="pathline", version=version)
    root = Component(
        name="pathline",
        version=version,
        type=ComponentType.APPLICATION,
        purl=ours,
        bom_ref=str(ours),
    )
    bom.metadata.component = root
    bom.register_dependency(root, bom.components)  # flat: a lock does not say who needs whom
    return bom


def python_components(lock: str) -> Iterator[Component]:
    """
    >>> text = "uvx==1.0 ; sys_platform == 'linux' \\\\\\n    --hash=sha256:" + "a" * 64 + "\\n"
    >>> [(c.name, c.version, len(c.hashes)) for c in python_components(text)]
    [('uvx', '1.0', 1)]
    """
    for pin in PIN.finditer(lock):
        purl = PackageURL("pypi", name=pin["name"], version=pin["version"])
        yield Component(
            name=pin["name"],
            version=pin["version"],
            type=ComponentType.LIBRARY,
            purl=purl,
            bom_ref=str(purl),
            hashes=[_sha256(digest) for digest in re.findall("[0-9a-f]{64}", pin["hashes"])],
            properties=[Property(name="python:marker", value=pin["marker"])]
            if pin["marker"]
            else [],
        )


def jar_components(lock: str) -> Iterator[Component]:
    for jar in JAR.finditer(lock):
        purl = PackageURL("maven", jar["group"], jar["name"], jar["version"])
        yield Component(
            group=jar["group"],
            name=jar["name"],
            version=jar["version"],
            type=ComponentType.LIBRARY,
            purl=purl,
            bom_ref=str(purl),
            hashes=[_sha256(jar["hash"])],
        )


def _sha256(digest: str) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=digest)


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    run_lock = (ROOT / "requirements/run.lock").read_text("utf-8")
    kafka_lock = (ROOT / "streams/data/kafka.lock").read_text("utf-8")
    bom = make_bom(run_lock, kafka_lock, project["version"])
    sys.stdout.write(JsonV1Dot6(bom).output_as_string(indent=2) + "\n")


if __name__ == "__main__":
    main()
