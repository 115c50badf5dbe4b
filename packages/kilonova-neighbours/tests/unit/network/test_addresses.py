from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kilonova_kit.errors import Conflict
from kilonova_neighbours.network.model import addresses

_PREFIXES = st.builds(
    lambda number, length: ip_network((number >> (32 - length) << (32 - length), length)),
    st.integers(0, 2**32 - 1),
    st.integers(8, 32),
)


@given(_PREFIXES, st.data())
def test_default_pools_hold_every_usable_address_but_the_gateway(
    network: addresses.Network, data: st.DataObject
) -> None:
    span = addresses.usable_span(network)
    gateway = addresses.address_of(data.draw(st.integers(span.first, span.last)), 4)
    pools = addresses.default_pools(network, gateway)
    addresses.check_pools(pools, network, gateway)
    assert sum(pool.size for pool in addresses.spans_of(pools)) == span.size - 1


@given(st.lists(st.integers(0, 2**128 - 1), min_size=2))
def test_keys_sort_as_addresses_do(numbers: list[int]) -> None:
    assert sorted(numbers) == [int(key, 16) for key in sorted(addresses.key_of(number, 6) for number in numbers)]


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 500)), min_size=1, max_size=4), st.integers(1, 64))
def test_windows_lie_inside_their_spans(parts: list[tuple[int, int]], window: int) -> None:
    spans = [addresses.Span(first, first + size - 1) for first, size in parts]
    found = list(addresses.ranges_to_try(spans, window))
    assert len(found) == len(spans)
    for one in found:
        assert one.size <= window
        assert any(span.first <= one.first and one.last <= span.last for span in spans)


def test_an_address_follows_from_a_mac() -> None:
    found = addresses.eui64_address("2001:db8::/64", "fa:16:3e:12:34:56")
    assert ip_address(found) == ip_address("2001:db8::f816:3eff:fe12:3456")


def test_overlapping_pools_are_named() -> None:
    pools = [{"start": "10.0.0.9", "end": "10.0.0.20"}, {"start": "10.0.0.2", "end": "10.0.0.9"}]
    with pytest.raises(Conflict, match="Found overlapping allocation pools"):
        addresses.check_pools(pools, ip_network("10.0.0.0/24"), None)
