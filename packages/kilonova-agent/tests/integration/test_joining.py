"""Joining a cloud, and what the bus and the disk refuse."""

import stat

import msgspec
import pytest
from kilonova_agent.agent import Agent
from kilonova_agent.errors import AgentError
from kilonova_agent.joining import join, read_joined
from kilonova_agent.settings import AgentSettings
from kilonova_kit.bus import BusRefused, Credentials
from kilonova_messages import subjects


async def test_a_host_joins_once_and_its_secrets_are_its_own(controller, tmp_path):
    joined = await join(controller.url, "token-1", "h1", tmp_path / "h1")
    assert (joined.host_id, joined.cell, joined.bus_url) == ("id-of-h1", "cell1", controller.server.url)
    for name in ("host.json", "host.seed"):
        assert stat.S_IMODE((tmp_path / "h1" / name).stat().st_mode) == 0o600
    assert joined.credentials not in repr(joined)
    assert await join(controller.url, "spent", "h1", tmp_path / "h1") == joined


async def test_joining_again_after_a_lost_answer_uses_the_same_key(controller, tmp_path):
    joined = await join(controller.url, "token-1", "h1", tmp_path / "h1")
    (tmp_path / "h1" / "host.json").unlink()
    assert (await join(controller.url, "token-1", "h1", tmp_path / "h1")).host_id == joined.host_id


async def test_a_bad_token_is_told_in_the_controllers_words(controller, tmp_path):
    with pytest.raises(AgentError, match="the join token is unknown"):
        await join(controller.url, "wrong", "h1", tmp_path / "h1")
    assert read_joined(tmp_path / "h1") is None


async def test_a_second_host_of_one_name_is_refused(controller, tmp_path):
    await join(controller.url, "token-1", "h1", tmp_path / "one")
    with pytest.raises(AgentError, match="has joined with another key"):
        await join(controller.url, "token-1", "h1", tmp_path / "two")


async def test_two_agents_of_one_directory_are_refused(start_agent, tmp_path):
    agent = await start_agent()
    second = Agent(agent.settings)
    with pytest.raises(AgentError, match="another agent works in"):
        await second.start()


async def test_a_host_that_says_it_is_another_one_is_refused_by_the_bus(controller, start_agent, tmp_path):
    await start_agent("h1")
    mine = await join(controller.url, "token-1", "h2", tmp_path / "h2")
    seed = (tmp_path / "h2" / "host.seed").read_text()
    credentials = Credentials(jwt=mine.credentials, seed=seed)
    from kilonova_kit.bus import Bus

    bus = await Bus.connect(mine.bus_url, credentials, mine.host_id, inbox_prefix=subjects.inbox_prefix(mine.host_id))
    with pytest.raises(BusRefused):
        await bus.subscribe(subjects.work("cell1", "id-of-h1"), lambda _: None)
    with pytest.raises(BusRefused):
        await bus.request(subjects.report("cell1", "id-of-h1"), b"", 2)
    await bus.close()


async def test_an_agent_whose_file_names_another_host_does_not_start(controller, tmp_path):
    mine = await join(controller.url, "token-1", "h2", tmp_path / "h2")
    forged = msgspec.structs.replace(mine, cell="cell2")
    (tmp_path / "h2" / "host.json").write_bytes(msgspec.json.encode(forged))
    agent = Agent(AgentSettings(data_dir=tmp_path / "h2", driver="fake"))
    with pytest.raises(AgentError, match="the bus refuses"):
        await agent.start()


async def test_a_directory_that_never_joined_says_what_to_do(tmp_path):
    agent = Agent(AgentSettings(data_dir=tmp_path, driver="fake"))
    with pytest.raises(AgentError, match="join the cloud first"):
        await agent.start()
