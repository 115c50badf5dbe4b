"""What the wirer keeps for its DHCP servers: directories and logs."""

import os

import pytest
from kilonova_agent.network.dnsmasq import MOST_LOG_BYTES, Dnsmasqs
from kilonova_agent.network.names import bridge


@pytest.fixture
def servers(tmp_path):
    return Dnsmasqs(
        state=tmp_path, run_directory=tmp_path / "run", namespaces=None, resolvers=(), unprivileged=os.geteuid() == 0
    )


def test_a_log_is_cut_where_its_server_goes_on_writing(servers, tmp_path):
    log = tmp_path / f"dnsmasq-{bridge('n1')}.log"
    servers.cut_log("n1")
    with log.open("ab", buffering=0) as server:
        server.write(b"x" * MOST_LOG_BYTES)
        servers.cut_log("n1")
        assert log.stat().st_size == MOST_LOG_BYTES
        server.write(b"x")
        servers.cut_log("n1")
        server.write(b"later")
    assert log.read_bytes() == b"later"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_directory_that_a_killed_helper_had_only_begun_is_given_to_the_server_all_the_same(servers, tmp_path):
    place = tmp_path / "run" / "n1"
    place.mkdir(parents=True)
    servers._make_directory(place)
    assert place.stat().st_uid == servers._user.pw_uid
