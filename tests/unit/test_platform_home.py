"""The pid file of the embedded Kafka: never another process, never a guess."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.errors import BadSetting
from streams.broker import EmbeddedKafka, Stopped, embedded_kafka
from streams.kafka.home import KafkaHome
from streams.settings import Settings


@pytest.fixture
def home(tmp_path: Path) -> KafkaHome:
    home = KafkaHome(tmp_path / "kafka")
    home.folder.mkdir()
    return home


@pytest.fixture
def program(home: KafkaHome) -> Iterator[subprocess.Popen[bytes]]:
    """Some process that has nothing to do with Kafka."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def kafka_of(home: KafkaHome) -> EmbeddedKafka:
    return EmbeddedKafka(home.folder, port=0, cache=home.folder / "jars")


def test_no_pid_file_means_not_running(home: KafkaHome) -> None:
    assert home.running() is None
    assert kafka_of(home).stop() == Stopped.NOT_RUNNING


def test_a_pid_that_now_is_another_program_is_left_alone(
    home: KafkaHome, program: subprocess.Popen[bytes]
) -> None:
    home.write_pid(program.pid, 19092)
    assert kafka_of(home).stop() == Stopped.STALE
    assert program.poll() is None
    assert not home.pid_file.exists()


def test_a_pid_that_is_gone_is_stale(home: KafkaHome) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    home.write_pid(ended.pid, 19092)
    assert home.running() is None
    assert kafka_of(home).stop() == Stopped.STALE


def test_a_process_with_the_properties_of_this_folder_is_the_one(home: KafkaHome) -> None:
    code = "print('up', flush=True); input()"
    command = [sys.executable, "-c", code, str(home.properties)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        home.write_pid(process.pid, 19092)
        running = home.running()
        assert running is not None
        assert running.pid == process.pid
        assert kafka_of(home).stop() == Stopped.STOPPED
        assert home.running() is None


@pytest.mark.parametrize("text", ["", "42", "pathline", "42 x"])
def test_a_pid_file_that_is_none_is_told_with_its_path(home: KafkaHome, text: str) -> None:
    home.pid_file.write_text(text)
    with pytest.raises(BadSetting, match=str(home.pid_file)):
        kafka_of(home).stop()


def test_the_log_of_the_run_before_is_kept_and_no_older_one(home: KafkaHome) -> None:
    for run in ("first", "second", "third"):
        home.renew_log()
        home.log.write_text(run)
    assert home.log.read_text() == "third"
    assert (home.folder / "kafka.log.1").read_text() == "second"
    assert len(list(home.folder.iterdir())) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"broker": "kafka.example:9092"},
        {"broker": "127.0.0.1:9092,127.0.0.1:9093"},
        {"security": "SSL"},
    ],
)
def test_a_kafka_of_yours_is_not_started_or_stopped(change: dict[str, str]) -> None:
    with pytest.raises(BadSetting, match="a Kafka of yours"):
        embedded_kafka(Settings(**change))


def test_a_folder_that_cannot_be_written_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadSetting, match="PATHLINE_STATE_DIR"):
        kafka_of(KafkaHome(tmp_path / "file" / "kafka")).start()
