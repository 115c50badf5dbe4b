from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kilonova_kit.errors import BadRequest
from kilonova_neighbours.network.model.rule_checks import check_rule, digest_of, normalized, protocol_number

_PORTS = st.one_of(st.none(), st.integers(0, 65535))


def _rule(**said: Any) -> dict[str, Any]:
    rule = {
        "direction": "ingress",
        "ethertype": "IPv4",
        "protocol": None,
        "port_range_min": None,
        "port_range_max": None,
        "remote_ip_prefix": None,
        "remote_group_id": None,
        **said,
    }
    return {**rule, "normalized_cidr": normalized(rule["remote_ip_prefix"])}


@given(st.sampled_from(["tcp", "udp", "sctp", "6", "17"]), _PORTS, _PORTS)
def test_a_range_of_ports_is_whole_ordered_and_above_zero(protocol: str, low: int | None, high: int | None) -> None:
    good = (low is None and high is None) or (low is not None and high is not None and 0 < low <= high)
    rule = _rule(protocol=protocol, port_range_min=low, port_range_max=high)
    if good:
        check_rule(rule)
        return
    with pytest.raises(BadRequest):
        check_rule(rule)


def test_rules_that_say_the_same_have_one_digest() -> None:
    assert digest_of(_rule(protocol="tcp")) == digest_of(_rule(protocol="6"))
    assert digest_of(_rule(remote_ip_prefix="0.0.0.0/0")) == digest_of(_rule())
    assert digest_of(_rule(remote_ip_prefix="10.0.0.9/8")) == digest_of(_rule(remote_ip_prefix="10.0.0.0/8"))
    assert digest_of(_rule(protocol="tcp")) != digest_of(_rule(protocol="udp"))
    assert digest_of(_rule(direction="egress")) != digest_of(_rule())


def test_protocols_have_numbers() -> None:
    assert [protocol_number(name) for name in ("tcp", "icmpv6", "51", None)] == [6, 58, 51, None]
