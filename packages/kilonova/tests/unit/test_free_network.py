"""The range of the network ``private`` overlaps nothing that the machine has a route to."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path

import pytest
from kilonova.cloud.free_network import free_network


def _with_routes(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str, status: int = 0) -> None:
    """A program ``ip`` that tells of these routes."""
    program = folder / "ip"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\nexit {status}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("routes", "taken"),
    [
        ('[{"dst": "default"}]', "10.64.0.0/24"),
        ('[{"dst": "default"}, {"dst": "10.64.0.0/24"}]', "10.65.0.0/24"),
        ('[{"dst": "10.64.0.7"}]', "10.65.0.0/24"),
        ('[{"dst": "10.64.0.0/10"}]', "10.10.0.0/24"),
        ("[]", "10.64.0.0/24"),
    ],
)
def test_the_first_free_range_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, routes: str, taken: str
) -> None:
    _with_routes(monkeypatch, tmp_path, routes)
    assert free_network() == taken


def test_without_ip_there_is_a_range_all_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _with_routes(monkeypatch, tmp_path, "broken", status=1)
    assert ipaddress.ip_network(free_network()).prefixlen == 24
