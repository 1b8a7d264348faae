"""The jars of the embedded Kafka: named and summed in `streams/data/kafka.lock`, fetched once.

Off the data path: `streams/broker.py` asks for a class path before it starts Kafka. Each jar is
verified against the lock at every start, whether it was fetched now or lay in the cache; a jar
that differs never runs. `make lock` writes the lock anew (`python -m streams.kafka.jars`).
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from models.errors import BadSetting, Unavailable

LOCK = Path(__file__).resolve().parent.parent / "data" / "kafka.lock"
KAFKA = "4.1.2"
ROOTS = (
    f"org.apache.kafka:kafka_2.13:{KAFKA}",
    f"org.apache.kafka:kafka-clients:{KAFKA}",  # else the resolver takes a kafka-clients too old
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.3",
)
HEADER = "# Jars of the embedded Kafka: Maven coordinate, sha256. Written by `make lock`.\n"
DOWNLOADS = 6  # at once
TRIES = 3
TIMEOUT_S = 20
PAUSE_S = 2.0

Fetch = Callable[[str, Path], Path]
"""Fetch one Maven coordinate into a folder and say where the file is."""


class Jar(NamedTuple):
    """One locked jar.

    >>> Jar("org.slf4j:slf4j-api:1.7.36", "d3ef…").file
    'slf4j-api-1.7.36.jar'
    """

    coordinate: str
    sha256: str

    @property
    def file(self) -> str:
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


def parse_lock(text: str, source: str) -> list[Jar]:
    """Each line is a coordinate and a sha256; raises BadSetting with source and line.

    >>> parse_lock("# note" + chr(10) + "a:b:1 " + "0" * 64, "kafka.lock")[0].file
    'b-1.jar'
    """
    jars = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#") or not line.strip():
            continue
        match line.split():
            case [coordinate, sha256] if coordinate.count(":") == 2 and len(sha256) == 64:
                jars.append(Jar(coordinate, sha256))
            case _:
                raise BadSetting(
                    f"{source}:{number}: expected 'group:artifact:version sha256', found {line!r};"
                    " write the lock anew with `make lock`"
                )
    if not jars:
        raise BadSetting(f"{source}: no jar is locked; write the lock anew with `make lock`")
    return jars


def load_jars(cache: Path, lock: Path = LOCK, fetch: Fetch | None = None) -> list[Path]:
    """The class path of the locked Kafka: every jar in `cache`, verified; fetches what lacks.

    Raises Unavailable when a jar cannot be fetched, BadSetting when one differs from the lock.
    """
    jars = parse_lock(lock.read_text("utf-8"), lock.name)
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadSetting(
            f"the cache of jars {cache} cannot be made ({error.strerror});"
            " set PATHLINE_CACHE_DIR to a folder that can be written"
        ) from None
    lacking = [jar for jar in jars if not (cache / jar.file).exists()]
    _fetch_all(cache, lacking, fetch or fetch_maven)
    for jar in jars:
        check_sum(jar, cache / jar.file)
    return [cache / jar.file for jar in jars]


def check_sum(jar: Jar, path: Path) -> None:
    """Raises BadSetting unless the file is byte for byte the locked one."""
    found = _sha256(path)
    if found != jar.sha256:
        raise BadSetting(
            f"{jar.coordinate} is not the locked jar, so it is not started: {path} has sha256"
            f" {found}, {LOCK.name} says {jar.sha256}. Delete the file to fetch it anew; if it"
            " differs again, do not trust where it comes from."
        )


def fetch_maven(
    coordinate: str, folder: Path, repository: str | None = None, pause_s: float = PAUSE_S
) -> Path:
    """Fetch a jar from Maven Central (or `repository`) into `folder`. Raises Unavailable."""
    from jgo.maven import MavenContext  # here: a running broker must not pay for its import

    remote = {"repository": repository} if repository else None
    fault: Exception | None = None
    for attempt in range(TRIES):
        try:
            here = folder / str(attempt)  # what a broken try left is not taken for a jar
            maven = MavenContext(repo_cache=here, remote_repos=remote, timeout=TIMEOUT_S)
            return maven.create_dependency(coordinate).artifact.resolve()
        except (OSError, RuntimeError) as error:  # requests' errors are OSErrors
            fault = error
            if attempt + 1 < TRIES:
                time.sleep(pause_s)
    raise Unavailable(
        f"{coordinate} could not be fetched from Maven Central in {TRIES} tries: {fault}."
        " The first start of the embedded Kafka needs the network (a proxy: HTTPS_PROXY);"
        " later starts do not. Or set PATHLINE_BROKER to a Kafka of yours."
    )


def _fetch_all(cache: Path, jars: list[Jar], fetch: Fetch) -> None:
    """The first jar that cannot be had ends it: without network the others fail as slowly."""
    with ThreadPoolExecutor(DOWNLOADS) as pool:
        try:
            for done in [pool.submit(_fetch_into, cache, jar, fetch) for jar in jars]:
                done.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _fetch_into(cache: Path, jar: Jar, fetch: Fetch) -> None:
    """What lies in the cache is whole and verified: a fetched file moves in only after that."""
    with tempfile.TemporaryDirectory(dir=cache, prefix=".fetch-") as folder:
        path = fetch(jar.coordinate, Path(folder))
        check_sum(jar, path)
        os.replace(path, cache / jar.file)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def resolve_lock(roots: Iterable[str] = ROOTS) -> str:
    """The text of the lock: the roots and all they need, resolved and summed now."""
    from jgo.maven import MavenContext

    with tempfile.TemporaryDirectory() as folder:
        maven = MavenContext(repo_cache=Path(folder), timeout=TIMEOUT_S)
        inputs, others = maven.resolver.resolve([maven.create_dependency(r) for r in roots])
        jars = [
            Jar(f"{d.groupId}:{d.artifactId}:{d.version}", _sha256(d.artifact.resolve()))
            for d in [*inputs, *others]
        ]
    return HEADER + "".join(f"{jar.coordinate} {jar.sha256}\n" for jar in jars)


if __name__ == "__main__":
    sys.stdout.write(resolve_lock())
