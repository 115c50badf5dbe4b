"""Access rules of application credentials."""

from __future__ import annotations

import pytest
from kilonova_kit.http.access_rules import allowed
from kilonova_kit.http.identity import AccessRule


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("/v2.1/servers", "/v2.1/servers", True),
        ("/v2.1/servers", "/v2.1/servers/1", False),
        ("/v2.1/servers", "/v2x1/servers", False),
        ("/v2.1/servers/*", "/v2.1/servers/1", True),
        ("/v2.1/servers/*", "/v2.1/servers/1/ips", False),
        ("/v2.1/servers/{server_id}/ips", "/v2.1/servers/1/ips", True),
        ("/v2.1/servers/{server_id}", "/v2.1/servers/", False),
        ("/v2.1/**", "/v2.1/servers/1/ips", True),
    ],
)
def test_patterns_fit_whole_paths(pattern: str, path: str, fits: bool) -> None:
    assert allowed([AccessRule("compute", "GET", pattern)], "compute", "GET", [path]) is fits


def test_method_and_service_must_fit_too() -> None:
    rules = [AccessRule("compute", "GET", "/v2.1/servers")]
    assert not allowed(rules, "compute", "POST", ["/v2.1/servers"])
    assert not allowed(rules, "image", "GET", ["/v2.1/servers"])
    assert allowed(rules, "compute", "GET", ["/other", "/v2.1/servers"])
    assert not allowed([], "compute", "GET", ["/v2.1/servers"])
