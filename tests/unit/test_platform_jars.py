"""The jars of the embedded Kafka: fetched once, verified always, refused when they differ."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from models.errors import BadSetting, Unavailable
from streams.kafka.jars import LOCK, ROOTS, TRIES, fetch_maven, load_jars, parse_lock

CONTENT = {"org.x:alpha:1.0": b"alpha", "org.x:beta:2.0": b"beta"}


class Repository:
    """Stands for Maven Central: hands out the content, and remembers who asked."""

    def __init__(self, content: dict[str, bytes]) -> None:
        self.content = content
        self.asked: list[str] = []

    def fetch(self, coordinate: str, folder: Path) -> Path:
        self.asked.append(coordinate)
        path = folder / "fetched.jar"
        path.write_bytes(self.content[coordinate])
        return path


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "kafka.lock"
    lines = [f"{name} {hashlib.sha256(jar).hexdigest()}\n" for name, jar in CONTENT.items()]
    path.write_text("# jars\n" + "".join(lines))
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "a cache" / "jars"


def test_the_second_start_asks_nobody(lock: Path, cache: Path) -> None:
    central = Repository(CONTENT)
    first = load_jars(cache, lock, central.fetch)
    second = load_jars(cache, lock, central.fetch)
    assert first == second == [cache / "alpha-1.0.jar", cache / "beta-2.0.jar"]
    assert [path.read_bytes() for path in first] == [b"alpha", b"beta"]
    assert sorted(central.asked) == sorted(CONTENT)


def test_a_fetched_jar_with_a_wrong_sum_is_refused_and_not_kept(lock: Path, cache: Path) -> None:
    central = Repository(CONTENT | {"org.x:beta:2.0": b"something else"})
    with pytest.raises(BadSetting, match=r"org\.x:beta:2\.0 is not the locked jar"):
        load_jars(cache, lock, central.fetch)
    assert not (cache / "beta-2.0.jar").exists()
    assert load_jars(cache, lock, Repository(CONTENT).fetch)


def test_a_jar_that_was_changed_in_the_cache_is_refused_with_its_path(
    lock: Path, cache: Path
) -> None:
    central = Repository(CONTENT)
    alpha, _ = load_jars(cache, lock, central.fetch)
    alpha.write_bytes(b"alphb")
    with pytest.raises(BadSetting) as refused:
        load_jars(cache, lock, central.fetch)
    assert str(alpha) in str(refused.value)
    assert hashlib.sha256(b"alpha").hexdigest() in str(refused.value)
    assert hashlib.sha256(b"alphb").hexdigest() in str(refused.value)
    assert "Delete the file" in str(refused.value)


def test_a_fetch_that_breaks_off_leaves_nothing_behind(lock: Path, cache: Path) -> None:
    def break_off(coordinate: str, folder: Path) -> Path:
        (folder / "half.jar").write_bytes(b"al")
        raise Unavailable("the network went away")

    with pytest.raises(Unavailable, match="went away"):
        load_jars(cache, lock, break_off)
    assert list(cache.iterdir()) == []


def test_a_cache_that_cannot_be_made_names_the_setting(lock: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(BadSetting, match="PATHLINE_CACHE_DIR"):
        load_jars(file / "jars", lock, Repository(CONTENT).fetch)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a:b:1 abc", r"kafka\.lock:1: expected 'group:artifact:version sha256'"),
        ("# note\n\na:b " + "0" * 64, r"kafka\.lock:3: expected"),
        ("# only a note\n", "no jar is locked"),
    ],
)
def test_a_damaged_lock_is_refused_with_its_line(text: str, fault: str) -> None:
    with pytest.raises(BadSetting, match=fault):
        parse_lock(text, "kafka.lock")


def test_the_lock_that_ships_has_what_it_was_made_from() -> None:
    locked = [jar.coordinate for jar in parse_lock(LOCK.read_text(), LOCK.name)]
    assert set(ROOTS) <= set(locked)
    assert len(locked) == len({c.rpartition(":")[0] for c in locked}), "a jar in two versions"


@contextmanager
def repository(asked: list[str], breaks_off: int) -> Iterator[str]:
    """A Maven repository on loopback; drops the connection of the first requests for a jar."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if len(asked) <= breaks_off:
                return
            self.send_response(200)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"alpha")

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_a_repository_that_stumbles_is_asked_again(tmp_path: Path) -> None:
    asked: list[str] = []
    with repository(asked, breaks_off=TRIES - 1) as url:
        jar = fetch_maven("org.x:alpha:1.0", tmp_path, url, pause_s=0)
    assert jar.read_bytes() == b"alpha"
    assert asked[:TRIES] == ["/org/x/alpha/1.0/alpha-1.0.jar"] * TRIES


def test_a_repository_that_is_down_is_an_error_after_bounded_tries(tmp_path: Path) -> None:
    asked: list[str] = []
    with (
        repository(asked, breaks_off=99) as url,
        pytest.raises(Unavailable, match=r"org\.x:alpha:1\.0 could not be fetched"),
    ):
        fetch_maven("org.x:alpha:1.0", tmp_path, url, pause_s=0)
    assert len(asked) == TRIES


def test_without_network_the_message_says_what_to_do(tmp_path: Path) -> None:
    with repository([], breaks_off=0) as gone:
        pass
    with pytest.raises(Unavailable, match="needs the network"):
        fetch_maven("org.x:alpha:1.0", tmp_path, gone, pause_s=0)
