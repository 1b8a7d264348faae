"""Every decoder takes any bytes: what comes out is a value or one of our errors."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.seeds import CORPUS, load_seeds
from tests.fuzz.targets import TARGETS

EXAMPLES = 150  # of each target and way; `make fuzz` looks for longer
NASTY = [
    b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\\ud800", b"\\u0000", b"1e999", b"-0", b"NaN",
    b"9" * 400, b"0.1e-400", b"null", b"true", b"[" * 70, b"{" * 70, b'"' * 3, b"&a [*a, *a]",
    b"!!python/object:x", b"<<: *a", b"\n---\n", b": ", b"0001-01-01T00:00:00+23:59",
    b"9999-12-31T23:59:59-23:59", b"\xe2\x80\xae", b"()" * 40, b".map(x, x)", b" + ", b"{{",
]  # fmt: skip


@cache
def seeds(target: str) -> list[bytes]:
    return load_seeds(target)


@st.composite
def mutations(draw: st.DrawFn, target: str) -> bytes:
    """A seed with some pieces cut, doubled, or replaced by what has hurt others before."""
    data = draw(st.sampled_from(seeds(target)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.sampled_from((0, 1, 2, 8, 64))))
        piece = draw(st.sampled_from(NASTY) | st.binary(max_size=6) | st.just(data[start:end] * 2))
        data = data[:start] + piece + data[end:]
    return data


lasting = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


@pytest.mark.parametrize("target", TARGETS)
def test_what_it_should_read_and_what_once_broke_it(target: str) -> None:
    for data in seeds(target):
        TARGETS[target].check(data)


@pytest.mark.parametrize("target", TARGETS)
def test_seeds_with_pieces_out_of_place(target: str) -> None:
    @lasting
    @given(mutations(target))
    def check(data: bytes) -> None:
        TARGETS[target].check(data)

    check()


@pytest.mark.parametrize("target", TARGETS)
def test_any_bytes(target: str) -> None:
    @lasting
    @given(st.binary(max_size=200) | st.text(max_size=80).map(lambda text: text.encode()))
    def check(data: bytes) -> None:
        TARGETS[target].check(data)

    check()


def test_each_folder_of_the_corpus_has_its_target() -> None:
    assert {folder.name for folder in CORPUS.iterdir() if folder.is_dir()} <= set(TARGETS)
