"""Nodes of guests as they are shown."""

from kilonova_compute.app.server_topologies import _by_core, _host_node
from kilonova_messages.providers import provider_id

HOST = "5f2b8a8e-0e8c-4a3c-9f0b-1d5f3f1e7a11"


def test_a_node_is_found_by_its_providers_id():
    assert _host_node(provider_id(HOST, "NUMA3"), HOST) == 3
    assert _host_node(HOST, HOST) == 0


def test_siblings_are_the_threads_of_a_core():
    assert _by_core((0, 1, 2, 3), 2) == ((0, 1), (2, 3))
    assert _by_core((0, 1), 1) == ()
