"""Every message survives the way, and messages of other ages are understood.

``golden.json`` holds one full example of every message as it was first sent (hexadecimal MessagePack; joins are JSON).
A failing golden test means that agents and controllers of different versions misunderstand each other: do not change
the line, change the type. A new message needs a line; the test prints it.
"""

import enum
import json
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kilonova_messages import encoding
from kilonova_messages.asks import Answer, Ask
from kilonova_messages.joining import JoinAnswer, JoinRequest
from kilonova_messages.reports import Receipt, Report
from kilonova_messages.steps import HostStep, StepRequest

GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text())


class Message(NamedTuple):
    name: str
    example: msgspec.Struct
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]
    plain: Callable[[bytes], Any]  # bytes -> maps and lists
    pack: Callable[[Any], bytes]  # maps and lists -> bytes


def kinds_of(hint: Any) -> list[Any]:
    return list(get_args(hint)) if isinstance(hint, types.UnionType) else [hint]


def example(hint: Any, name: str = "text") -> Any:
    """A value of that type in which every field is set, the same every time."""
    hint = next(kind for kind in kinds_of(hint) if kind is not type(None))
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint(**{key: example(kind, key) for key, kind in typing.get_type_hints(hint).items()})
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return next(iter(hint))
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return arguments[0]
    if origin in (tuple, frozenset):
        return origin(example(kind, name) for kind in arguments if kind is not Ellipsis)
    if origin is dict:
        return {name: example(arguments[1], name)}
    plain: dict[Any, Any] = {str: name, int: 7, float: 1.5, bool: True, bytes: b"\x00bytes"}
    return plain[hint]


def strategy(hint: Any) -> st.SearchStrategy[Any]:
    kinds = kinds_of(hint)
    if len(kinds) > 1:
        return st.one_of([strategy(kind) for kind in kinds])
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return st.builds(hint, **{key: strategy(kind) for key, kind in typing.get_type_hints(hint).items()})
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return st.sampled_from(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple and Ellipsis not in arguments:
        return st.tuples(*(strategy(kind) for kind in arguments))
    if origin is tuple:
        return st.lists(strategy(arguments[0]), max_size=2).map(tuple)
    if origin is frozenset:
        return st.frozensets(strategy(arguments[0]), max_size=2)
    if origin is dict:
        return st.dictionaries(strategy(arguments[0]), strategy(arguments[1]), max_size=2)
    plain: dict[Any, st.SearchStrategy[Any]] = {
        str: st.text(max_size=8),
        int: st.integers(-(2**63), 2**64 - 1),
        float: st.floats(allow_nan=False),
        bool: st.booleans(),
        bytes: st.binary(max_size=8),
        type(None): st.none(),
    }
    return plain[hint]


def packed(name: str, value: msgspec.Struct, decode: Callable[[bytes], Any]) -> Message:
    return Message(name, value, encoding.encode, decode, msgspec.msgpack.decode, msgspec.msgpack.encode)


def as_json(kind: type[msgspec.Struct]) -> Message:
    def decode(data: bytes) -> Any:
        return msgspec.json.decode(data, type=kind)

    return Message(kind.__name__, example(kind), msgspec.json.encode, decode, msgspec.json.decode, msgspec.json.encode)


def of_union(union: Any, decode: Callable[[bytes], Any]) -> list[Message]:
    return [packed(kind.__name__, example(kind), decode) for kind in kinds_of(union)]


def step_requests() -> list[Message]:
    request = example(StepRequest)
    return [
        packed(
            f"StepRequest {kind.__name__}",
            msgspec.structs.replace(request, step=example(kind)),
            encoding.decode_step_request,
        )
        for kind in kinds_of(HostStep)
    ]


MESSAGES = [
    *step_requests(),
    *of_union(Report, encoding.decode_report),
    *of_union(Ask, encoding.decode_ask),
    packed("Receipt", example(Receipt), encoding.decode_receipt),
    packed("Answer", example(Answer), encoding.decode_answer),
    as_json(JoinRequest),
    as_json(JoinAnswer),
]
each_message = pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)


def plain(value: Any, change: Callable[[msgspec.Struct, dict[str, Any]], dict[str, Any]]) -> Any:
    """``value`` as maps and lists, each struct's map passed through ``change``."""
    if isinstance(value, msgspec.Struct):
        found = {name: plain(getattr(value, name), change) for name in value.__struct_fields__}
        config = value.__struct_config__
        tag = {config.tag_field: config.tag} if config.tag_field else {}
        return tag | change(value, found)
    if isinstance(value, tuple | list | set | frozenset):
        return [plain(part, change) for part in value]
    if isinstance(value, dict):
        return {key: plain(part, change) for key, part in value.items()}
    return value


def required_only(value: msgspec.Struct, fields: dict[str, Any]) -> dict[str, Any]:
    return {field.name: fields[field.name] for field in msgspec.structs.fields(value) if field.required}


def with_more(_: msgspec.Struct, fields: dict[str, Any]) -> dict[str, Any]:
    return {"brand_new": {"deep": [1, "two", None]}, **fields, "also_new": 5}


def contains(larger: Any, smaller: Any) -> bool:
    """Everything that is said in ``smaller`` is said the same in ``larger``."""
    if isinstance(smaller, dict):
        return isinstance(larger, dict) and all(k in larger and contains(larger[k], v) for k, v in smaller.items())
    if isinstance(smaller, list):
        return len(larger) == len(smaller) and all(map(contains, larger, smaller))
    return bool(larger == smaller)


def golden_bytes(name: str) -> bytes:
    text: str = GOLDEN[name]
    return text.encode() if text.startswith("{") else bytes.fromhex(text)


def golden_text(message: Message) -> str:
    data = message.encode(message.example)
    return data.decode() if data.startswith(b"{") else data.hex()


@given(strategy(StepRequest))
def test_a_step_request_survives_the_way(message: StepRequest) -> None:
    assert encoding.decode_step_request(encoding.encode(message)) == message


@given(strategy(Report))
def test_a_report_survives_the_way(message: Any) -> None:
    assert encoding.decode_report(encoding.encode(message)) == message


@given(strategy(Ask))
def test_an_ask_survives_the_way(message: Any) -> None:
    assert encoding.decode_ask(encoding.encode(message)) == message


@given(strategy(Receipt))
def test_a_receipt_survives_the_way(message: Receipt) -> None:
    assert encoding.decode_receipt(encoding.encode(message)) == message


@given(strategy(Answer))
def test_an_answer_survives_the_way(message: Answer) -> None:
    assert encoding.decode_answer(encoding.encode(message)) == message


@given(st.binary(max_size=64))
def test_no_bytes_raise_anything_but_a_value_error(data: bytes) -> None:
    for decode in (encoding.decode_step_request, encoding.decode_report, encoding.decode_ask, encoding.decode_receipt):
        try:
            decode(data)
        except ValueError:
            continue


@each_message
def test_every_message_has_a_golden_example(message: Message) -> None:
    assert message.name in GOLDEN, f"add to golden.json:\n  {json.dumps({message.name: golden_text(message)})[1:-1]}"


def test_no_golden_example_is_without_its_message() -> None:
    assert set(GOLDEN) == {message.name for message in MESSAGES}


@each_message
def test_what_was_sent_at_first_still_means_the_same(message: Message) -> None:
    data = golden_bytes(message.name)
    understood = message.decode(data)
    assert type(understood) is type(message.example)
    assert contains(message.plain(message.encode(understood)), message.plain(data))


@each_message
def test_what_is_sent_today_was_understood_at_first(message: Message) -> None:
    """Today's bytes still say all that the first version said, under the same names and of the same kinds."""
    assert contains(message.plain(message.encode(message.example)), message.plain(golden_bytes(message.name)))


@each_message
def test_fields_from_the_future_are_ignored_at_every_depth(message: Message) -> None:
    newer = message.pack(plain(message.example, with_more))
    assert message.decode(newer) == message.example


@each_message
def test_fields_that_an_old_sender_lacks_take_their_defaults_at_every_depth(message: Message) -> None:
    older = message.decode(message.pack(plain(message.example, required_only)))
    assert type(older) is type(message.example)
    for field in msgspec.structs.fields(older):
        if not field.required:
            default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
            assert getattr(older, field.name) == default


@each_message
def test_an_old_receiver_with_fewer_fields_reads_what_is_sent_today(message: Message) -> None:
    kind = type(message.example)
    config = kind.__struct_config__
    hints = typing.get_type_hints(kind)
    known = [(field.name, hints[field.name]) for field in msgspec.structs.fields(kind) if field.required]
    old = msgspec.defstruct(kind.__name__, known, frozen=True, kw_only=True, tag=config.tag, tag_field=config.tag_field)
    reader = msgspec.json.decode if message.plain is msgspec.json.decode else msgspec.msgpack.decode
    understood = reader(message.encode(message.example), type=old)
    for name, _ in known:
        assert getattr(understood, name) == getattr(message.example, name)


@pytest.mark.parametrize("decode", [encoding.decode_report, encoding.decode_ask])
def test_a_kind_nobody_knows_is_a_value_error(decode: Callable[[bytes], Any]) -> None:
    with pytest.raises(ValueError, match="from_the_future"):
        decode(msgspec.msgpack.encode({"type": "from_the_future"}))


def test_a_step_nobody_knows_is_a_value_error() -> None:
    fields = plain(example(StepRequest), lambda _, found: found)
    fields["step"] = {"type": "teleport_guest"}
    with pytest.raises(ValueError, match="teleport_guest"):
        encoding.decode_step_request(msgspec.msgpack.encode(fields))
