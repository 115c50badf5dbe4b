"""Questions about hosts in nova's JsonFilter language."""

import json
from typing import Any

import pytest
from kilonova_compute.model.host_queries import FACTS, CannotAsk, asks_what_is_used, holds, read_query

HOST: dict[str, str | int] = dict.fromkeys(FACTS, 0) | {
    "free_ram_mb": 2048,
    "vcpus_total": 8,
    "host": "alpha",
    "hypervisor_type": "qemu",
}


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ([], True),
        ([">=", "$free_ram_mb", 1024], True),
        ([">", "$free_ram_mb", 2048], False),
        (["<", "$free_ram_mb", 4096, 8192], True),
        (["<", "$free_ram_mb", 4096, 100], False),
        (["=", "$host", "alpha"], True),
        (["in", "$host", "beta", "alpha"], True),
        (["in", "$host", "beta"], False),
        (["and", [">=", "$free_ram_mb", 1024], ["<=", "$vcpus_total", 4]], False),
        (["or", [">=", "$free_ram_mb", 9999], ["=", "$hypervisor_type", "qemu"]], True),
        (["not", ["=", "$host", "alpha"]], False),
        (["not", ["=", "$host", "beta"]], True),
        (["="], False),
        (["<", 1], False),
    ],
)
def test_hosts_answer(query: list[Any], answer: bool) -> None:
    assert holds(read_query(json.dumps(query)), HOST) is answer


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("free_ram_mb>5", "not JSON"),
        ('{"a": 1}', "not a list"),
        ('["near", "$host"]', "no operator"),
        ('[["=", 1, 1]]', "no operator"),
        ('["=", "$colour", "red"]', "nothing is known as"),
        ('[">", "$free_ram_mb", "much"]', "cannot be compared"),
        ('["and",' * 40 + "1" + "]" * 40, "nested too deep"),
        ('["and",' * 900 + "1" + "]" * 900, "more than 2048 characters"),
        ("[" * 1020 + "]" * 1020, "not JSON"),
    ],
)
def test_what_makes_no_sense_is_refused(text: str, why: str) -> None:
    with pytest.raises(CannotAsk, match=why):
        holds(read_query(text), HOST)


def test_only_some_questions_are_about_what_is_used() -> None:
    assert asks_what_is_used('["and", ["=", "$host", "alpha"], ["not", [">", "$free_ram_mb", 5]]]')
    assert not asks_what_is_used('["or", ["=", "$host", "free_ram_mb"], ["<", "$vcpus_total", 5]]')
