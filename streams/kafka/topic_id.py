"""The id that Kafka gives a topic when it is made: another one under the same name has another.

Beside the data path: who keeps a copy of a topic asks whether it still is the same one. aiokafka's
own metadata request ends at version 5; ids came with version 10 (KIP-516, Kafka 2.8).
"""

from __future__ import annotations

from io import BytesIO
from uuid import UUID

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from models.errors import BadSetting, Unavailable


class Uuid(AbstractType[UUID]):
    """16 bytes, as they are."""

    @classmethod
    def encode(cls, value: UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> UUID:
        return UUID(bytes=data.read(16))


class TopicIdResponse_v10(Response):
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", CompactArray(
            ("node_id", Int32), ("host", CompactString("utf-8")), ("port", Int32),
            ("rack", CompactString("utf-8")), ("tags", TaggedFields),
        )),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        ("topics", CompactArray(
            ("error_code", Int16), ("name", CompactString("utf-8")), ("topic_id", Uuid),
            ("is_internal", Boolean),
            ("partitions", CompactArray(
                ("error_code", Int16), ("partition", Int32), ("leader", Int32),
                ("leader_epoch", Int32), ("replicas", CompactArray(Int32)),
                ("isr", CompactArray(Int32)), ("offline", CompactArray(Int32)),
                ("tags", TaggedFields),
            )),
            ("operations", Int32), ("tags", TaggedFields),
        )),
        ("operations", Int32),
        ("tags", TaggedFields),
    )  # fmt: skip


class TopicIdRequest_v10(RequestStruct):
    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 10
    RESPONSE_TYPE = TopicIdResponse_v10
    SCHEMA = Schema(
        ("topics", CompactArray(
            ("topic_id", Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields),
        )),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_operations", Boolean),
        ("include_topic_operations", Boolean),
        ("tags", TaggedFields),
    )  # fmt: skip


class TopicIdRequest(Request[TopicIdRequest_v10]):
    API_KEY = 3

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def build(self, request_struct_class: type[TopicIdRequest_v10]) -> TopicIdRequest_v10:
        nobody = UUID(int=0)  # asked by name
        return request_struct_class([(nobody, self._topic, {})], False, False, False, {})


async def load_topic_id(admin: AIOKafkaAdminClient, topic: str) -> str:
    """Raises Unavailable when Kafka does not answer for it, BadSetting when it knows no ids."""
    try:
        answer = await admin._send_request(TopicIdRequest(topic))
    except NotImplementedError:  # what aiokafka raises for a version that the broker lacks
        raise BadSetting(_no_ids(topic)) from None
    (found,) = answer.to_object()["topics"]
    if found["error_code"]:
        raise Unavailable(f"the id of {topic}: {for_code(found['error_code']).__name__}")
    if not found["topic_id"].int:
        raise BadSetting(_no_ids(topic))
    return str(found["topic_id"])


def _no_ids(topic: str) -> str:
    return (
        f"the broker does not tell the id of {topic}, so a copy on disk could not be told from that"
        " of another topic: PATHLINE_STORE=rocksdb needs Kafka 2.8 or newer. Use memory."
    )
