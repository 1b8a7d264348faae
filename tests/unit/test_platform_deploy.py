"""deploy/: what compose, Dockerfile and Prometheus say agrees with each other and with Settings."""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.kafka.jars import KAFKA
from streams.settings import Settings, load_settings

ROOT = Path(__file__).parent.parent.parent
COMPOSE = yaml.safe_load((ROOT / "deploy/compose.yml").read_text())
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()
KEYS = {
    "build", "command", "depends_on", "environment", "expose", "healthcheck", "image", "ports",
    "restart", "stop_grace_period", "volumes",
}  # fmt: skip
CONDITIONS = ("service_started", "service_healthy", "service_completed_successfully")


def faults(compose: dict[str, Any]) -> list[str]:
    """What a `docker compose config` would refuse, and what it cannot know."""
    found = []
    services = compose["services"]
    for name, service in services.items():
        found += [f"{name}: unknown key {key}" for key in set(service) - KEYS]
        if not re.fullmatch(r"[\w./-]+:(local|v?\d+\.\d+\.\d+)", service.get("image", "")):
            found.append(f"{name}: image without a whole version")
        found += [
            f"{name}: {variable} is no setting"
            for variable in service.get("environment", {})
            if variable.startswith("PATHLINE_")
            and variable.removeprefix("PATHLINE_").lower() not in Settings.model_fields
        ]
        found += dependency_faults(name, service.get("depends_on", {}), services)
        found += volume_faults(name, service.get("volumes", []), compose.get("volumes", {}))
        found += [
            f"{name}: port {port} is open to the network"
            for port in service.get("ports", [])
            if not port.startswith("127.0.0.1:")
        ]
    return found


def dependency_faults(name: str, needs: Any, services: dict[str, Any]) -> list[str]:
    needs = needs if isinstance(needs, dict) else {n: {"condition": CONDITIONS[0]} for n in needs}
    found = []
    for other, need in needs.items():
        if other not in services:
            found.append(f"{name}: depends on {other}, which is no service")
        elif need["condition"] not in CONDITIONS:
            found.append(f"{name}: unknown condition {need['condition']}")
        elif need["condition"] == CONDITIONS[1] and "healthcheck" not in services[other]:
            found.append(f"{name}: waits for the health of {other}, which tells none")
    return found


def volume_faults(name: str, mounts: list[str], volumes: dict[str, Any]) -> list[str]:
    sources = [mount.split(":")[0] for mount in mounts]
    return [
        f"{name}: volume {source} is not there"
        for source in sources
        if not ((ROOT / "deploy" / source).exists() if source[0] == "." else source in volumes)
    ]


def test_the_compose_file_is_sound() -> None:
    assert faults(COMPOSE) == []


@pytest.mark.parametrize(
    ("service", "key", "value", "fault"),
    [
        ("kafka", "image", "apache/kafka:latest", "kafka: image without a whole version"),
        ("kafka", "ports", ["19092:19092"], "kafka: port 19092:19092 is open to the network"),
        ("worker", "enviroment", {}, "worker: unknown key enviroment"),
        ("worker", "environment", {"PATHLINE_BROKR": "x"}, "worker: PATHLINE_BROKR is no setting"),
        ("worker", "depends_on", ["topic"], "worker: depends on topic, which is no service"),
        ("prometheus", "volumes", ["./prom.yml:/x"], "prometheus: volume ./prom.yml is not there"),
        ("prometheus", "volumes", ["prom:/x"], "prometheus: volume prom is not there"),
    ],
)
def test_each_fault_is_seen(service: str, key: str, value: Any, fault: str) -> None:
    broken = copy.deepcopy(COMPOSE)
    broken["services"][service][key] = value
    assert faults(broken) == [fault]


@pytest.mark.parametrize("service", ["topics", "worker"])
def test_the_settings_of_a_service_load(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in COMPOSE["services"][service]["environment"].items():
        monkeypatch.setenv(variable, value)
    settings = load_settings()
    advertised = COMPOSE["services"]["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert settings.broker in advertised
    assert Settings.model_fields["broker"].default in advertised


def test_prometheus_scrapes_the_port_of_the_worker() -> None:
    prometheus = yaml.safe_load((ROOT / "deploy/prometheus.yml").read_text())
    (job,) = prometheus["scrape_configs"]
    (discovery,) = job["dns_sd_configs"]
    worker = COMPOSE["services"]["worker"]
    assert discovery["names"] == ["worker"]
    assert str(discovery["port"]) == worker["environment"]["PATHLINE_METRICS_PORT"]
    assert worker["expose"] == [str(discovery["port"])]
    assert f"EXPOSE {discovery['port']}\n" in DOCKERFILE
    assert f"127.0.0.1:{discovery['port']}/healthz" in DOCKERFILE


def test_the_kafka_of_compose_is_of_the_release_that_the_tests_run_on() -> None:
    _, version = COMPOSE["services"]["kafka"]["image"].split(":")
    assert version.split(".")[:2] == KAFKA.split(".")[:2]


def test_the_image_is_locked_and_not_root() -> None:
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.M) == ["python:3.12-slim"] * 2
    assert "pip install --require-hashes -r requirements/run.lock" in DOCKERFILE
    assert re.findall(r"^USER (\S+)", DOCKERFILE, re.M) == ["10001"]
    set_in_image = re.findall(r"PATHLINE_(\w+)=", DOCKERFILE)
    assert [name for name in set_in_image if name.lower() not in Settings.model_fields] == []


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.M)
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"}
    sources = {source for line in copied for source in line.split()}
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert {source.split("/")[0] for source in sources} == kept


@pytest.mark.skipif(not shutil.which("docker-compose"), reason="docker-compose is not installed")
def test_docker_compose_reads_it() -> None:
    command = ["docker-compose", "-f", str(ROOT / "deploy/compose.yml"), "config", "-q"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
