"""A model as bytes, for `pathline.models.v1` and for files: one envelope around any learner.

Between `learn`, which seals, and the scorers, which load. The checksum finds damage; who wrote the
bytes is the signature's business, and `load` takes only what was authenticated. A scorer that is
refused a snapshot keeps the model that it has.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import msgspec

from models.errors import BadInput
from models.learners import registry
from models.learners.base import Authenticated, Learner
from models.learners.encoder import Encoder

MAGIC = b"pathline model 1"  # the last character is the version of the envelope
CHECK_BYTES = 16


class Header(msgspec.Struct, array_like=True, frozen=True):
    """What can be told of a snapshot without loading it. Arrays on disk: only append fields.

    version: of the model, rising within the task. learner: its name in the registry.
    schema: hash of the raw features. libraries: whose versions the state depends on.
    """

    task: str
    version: int
    learner: str
    schema: str
    libraries: dict[str, str]
    learned: int


class _Body(msgspec.Struct, array_like=True, frozen=True):
    header: Header
    encoder: bytes
    learner: bytes


_decode = msgspec.msgpack.Decoder(_Body).decode


@dataclass
class Model:
    """What scores the rows of one task: its encoder and its learner."""

    encoder: Encoder
    learner: Learner


def seal(model: Model, task: str, version: int, learner: str) -> bytes:
    """learner: its name in the registry. The same state gives the same bytes."""
    header = Header(
        task, version, learner, model.encoder.raw.hash, registry.libraries(learner),
        model.learner.learned,
    )  # fmt: skip
    return enclose(header, model.encoder.dump(), model.learner.dump())


def enclose(header: Header, encoder: bytes, learner: bytes) -> bytes:
    """The parts in their envelope; `seal` makes them."""
    body = msgspec.msgpack.encode(_Body(header, encoder, learner))
    return MAGIC + _check(body) + body


def read_header(sealed: bytes) -> Header:
    """Safe on any bytes. Raises BadInput for another format, or damage."""
    return _open(sealed).header


def load(sealed: Authenticated, task: str, schema: str) -> tuple[Header, Model]:
    """A model that says what the sealed one said, and goes on learning as it would have.

    Raises BadInput, and says which: another format, damage, another task, another schema of raw
    features, another version of a library.
    """
    body = _open(sealed)
    header = body.header
    if header.task != task:
        raise _refusal("other_task", f"a model of {header.task}, not of {task}")
    if header.schema != schema:
        raise _refusal(
            "other_schema",
            f"learned from features {header.schema}, and here they are {schema}:"
            " learn it anew from the log",
        )
    here = registry.libraries(header.learner)
    if header.libraries != here:
        raise _refusal("other_library", f"learned with {header.libraries}, and here it is {here}")
    encoder = Encoder.load(body.encoder)
    learner = registry.load(header.learner, Authenticated(body.learner))  # part of what was checked
    agrees = encoder.raw.hash == schema and encoder.schema.hash == learner.schema_hash
    if not agrees or learner.learned != header.learned:
        raise _refusal("bad_model_state", "its header, encoder and learner do not agree")
    return header, Model(encoder, learner)


def _open(sealed: bytes) -> _Body:
    start = len(MAGIC) + CHECK_BYTES
    if not sealed.startswith(MAGIC):
        raise _refusal("other_format", f"it begins with {sealed[: len(MAGIC)]!r}, not {MAGIC!r}")
    if sealed[len(MAGIC) : start] != _check(sealed[start:]):
        raise _refusal("damaged", "the checksum does not fit")
    try:
        return _decode(memoryview(sealed)[start:])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _refusal("damaged", str(error)) from None


def _check(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=CHECK_BYTES).digest()


def _refusal(reason: str, detail: str) -> BadInput:
    return BadInput(reason, f"snapshot of a model: {detail}")
