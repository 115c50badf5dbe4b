"""The host network of a user who is not root: the order in which it is asked, and what the doctor says of it."""

import asyncio
import logging
import shutil

import pytest
from kilonova_agent.network.host_network import HostNetwork
from kilonova_agent.network.requirements import host_requirements

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(
        any(shutil.which(tool, path="/usr/bin:/usr/sbin") is None for tool in ("ip", "nft", "nsenter", "unshare")),
        reason="needs ip, nft, nsenter and unshare",
    ),
]


@pytest.fixture
async def enclosed_network(tmp_path):
    network = HostNetwork(
        data_dir=tmp_path,
        host_id="host-1",
        metadata_socket=tmp_path / "metadata.sock",
        run_as=None,
        logger=logging.getLogger("test.network"),
        enclosed=True,
    )
    yield network
    await network.tear_down()


async def test_the_way_to_the_taps_is_known_before_the_helper_runs(enclosed_network):
    """A driver is told of it when it is made, which is before the network is started."""
    await asyncio.to_thread(enclosed_network.enclose)
    before = enclosed_network.launcher()
    await enclosed_network.start()
    assert enclosed_network.launcher() == before


def test_what_lies_in_the_systems_directories_is_found_though_the_path_lacks_them(monkeypatch):
    usual = {one.name: one.met for one in host_requirements()}
    monkeypatch.setenv("PATH", "/usr/local/bin:/usr/bin:/bin")
    assert {one.name: one.met for one in host_requirements()} == usual
