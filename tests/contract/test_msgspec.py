"""What the state relies on in msgspec: a slot beside the fields of a struct is the struct's own."""

from __future__ import annotations

import gc
import weakref

import msgspec

from models.case import Episode, EpisodeCase, Mark

EPISODE = Episode(Mark(1, 2, 4, "//crm", "e1"), [1], 10, 11)


def test_a_slot_of_a_base_is_neither_written_nor_compared() -> None:
    case = EpisodeCase({})
    case.tip = [EPISODE]
    data = msgspec.msgpack.encode(case)
    assert data == msgspec.msgpack.encode(EpisodeCase({}))
    again = msgspec.msgpack.decode(data, type=EpisodeCase)
    assert again == case
    assert not hasattr(again, "tip")


def test_it_is_freed_with_its_struct_and_seen_by_the_collector() -> None:
    class Kept(list[Episode]):
        """A list that can be watched."""

    case, tip = EpisodeCase({}), Kept([EPISODE])
    case.tip = tip
    watched = weakref.ref(tip)
    assert tip in gc.get_referents(case)
    del case, tip
    assert watched() is None
