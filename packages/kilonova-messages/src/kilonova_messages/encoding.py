"""Messages as bytes: MessagePack with named fields.

Old and new speak to each other: an unknown field is ignored, a missing one takes its default, and a tag nobody knows is
a ``ValueError`` that the receiver answers or logs. So a field may be added only with a default, and never renamed or
retyped.
"""

from __future__ import annotations

from typing import TypeVar, cast

import msgspec

from kilonova_messages.asks import Answer, Ask
from kilonova_messages.reports import Receipt, Report
from kilonova_messages.steps import StepRequest

T = TypeVar("T")

_encoder = msgspec.msgpack.Encoder()
_step_request = msgspec.msgpack.Decoder(StepRequest)
_report = msgspec.msgpack.Decoder(Report)
_receipt = msgspec.msgpack.Decoder(Receipt)
_ask = msgspec.msgpack.Decoder(Ask)
_answer = msgspec.msgpack.Decoder(Answer)


def encode(message: msgspec.Struct) -> bytes:
    return _encoder.encode(message)


def decode_step_request(data: bytes) -> StepRequest:
    return _step_request.decode(data)


def decode_report(data: bytes) -> Report:
    return cast(Report, _report.decode(data))


def decode_receipt(data: bytes) -> Receipt:
    return _receipt.decode(data)


def decode_ask(data: bytes) -> Ask:
    return cast(Ask, _ask.decode(data))


def decode_answer(data: bytes) -> Answer:
    return _answer.decode(data)
