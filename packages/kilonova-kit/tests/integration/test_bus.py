import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from kilonova_kit.bus import (
    Bus,
    BusAuthority,
    BusDown,
    BusMessage,
    BusRefused,
    BusServer,
    BusTimeout,
    Credentials,
    MessageTooLarge,
    NoResponders,
)
from kilonova_kit.bus.client import _dropped


async def until(claim: Callable[[], object], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not claim():  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(0.005)


async def until_done(attempt: Callable[[], Awaitable[bytes]], seconds: float = 20.0) -> bytes:
    """Ask again until the answer comes: what a client of hints does."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                return await attempt()
            except (BusDown, BusTimeout, NoResponders):
                await asyncio.sleep(0.005)


class Cloud:
    """A server, its authority, and clients that are closed at the end."""

    def __init__(self, directory: Path) -> None:
        self.authority = BusAuthority.open(directory / "authority")
        self.server = BusServer(self.authority, directory / "nats")
        self.clients: list[Bus] = []

    async def client(
        self,
        credentials: Credentials,
        name: str,
        *,
        inbox_prefix: str = "",
        on_reconnect: Callable[[], Awaitable[None]] | None = None,
        timeout: float = 30,  # noqa: ASYNC109 - passed on
    ) -> Bus:
        bus = await Bus.connect(
            self.server.url, credentials, name,
            inbox_prefix=inbox_prefix, on_reconnect=on_reconnect, timeout=timeout,
        )  # fmt: skip
        self.clients.append(bus)
        return bus

    async def controller(
        self, name: str = "controller", on_reconnect: Callable[[], Awaitable[None]] | None = None, wait: float = 30
    ) -> Bus:
        credentials = self.authority.controller_credentials(name)
        return await self.client(credentials, name, on_reconnect=on_reconnect, timeout=wait)

    def host_credentials(self, name: str, expires_in: timedelta | None = None) -> Credentials:
        seed = Credentials.generate_seed()
        public = Credentials(jwt="", seed=seed).public_key
        publish = [f"kn.c1.host.{name}.report"]
        subscribe = [f"kn.c1.host.{name}.work", f"kn.c1.host.{name}.ask", f"_INBOX.{name}.>"]
        return Credentials(jwt=self.authority.sign_user(name, public, publish, subscribe, expires_in), seed=seed)

    async def host(self, name: str) -> Bus:
        return await self.client(self.host_credentials(name), name)


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    made = Cloud(tmp_path)
    await made.server.start()
    try:
        yield made
    finally:
        await asyncio.gather(*(client.close() for client in made.clients))
        await made.server.stop()


async def echo(message: BusMessage) -> bytes:
    return b"echo " + message.data


async def test_a_request_is_answered_by_what_the_handler_returns(cloud: Cloud) -> None:
    controller, host = await cloud.controller(), await cloud.host("h1")
    await host.subscribe("kn.c1.host.h1.ask", echo)
    assert await controller.request("kn.c1.host.h1.ask", b"hello", 5) == b"echo hello"
    await controller.subscribe("kn.c1.host.*.report", echo, queue="controllers")
    assert await host.request("kn.c1.host.h1.report", b"alive", 5) == b"echo alive"


async def test_a_request_that_nobody_listens_to_says_so(cloud: Cloud) -> None:
    with pytest.raises(NoResponders):
        await (await cloud.controller()).request("kn.c1.host.h9.ask", b"", 5)


async def test_a_request_without_an_answer_times_out(cloud: Cloud) -> None:
    async def say_nothing(_: BusMessage) -> None:
        return None

    controller = await cloud.controller()
    await controller.subscribe("kn.silent", say_nothing)
    with pytest.raises(BusTimeout):
        await controller.request("kn.silent", b"", 0.05)


async def test_one_of_a_queue_gets_each_message(cloud: Cloud) -> None:
    first, second, sender = await cloud.controller("a"), await cloud.controller("b"), await cloud.controller("c")
    got: list[bytes] = []

    async def take(message: BusMessage) -> None:
        got.append(message.data)

    for bus in (first, second):
        await bus.subscribe("kn.changes.x", take, queue="q")
    for number in range(50):
        await sender.publish("kn.changes.x", b"%d" % number)
    await until(lambda: len(got) >= 50)
    await asyncio.gather(first.flush(), second.flush())
    assert sorted(got) == sorted(b"%d" % n for n in range(50))


async def test_a_failing_handler_is_logged_and_the_subscription_goes_on(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail_once(message: BusMessage) -> bytes:
        if message.data == b"bad":
            raise LookupError("no such thing")
        return b"fine"

    controller = await cloud.controller()
    await controller.subscribe("kn.work", fail_once)
    await controller.publish("kn.work", b"bad")
    assert await controller.request("kn.work", b"good", 5) == b"fine"
    record = next(r for r in caplog.records if r.exc_info)
    assert "kn.work" in record.getMessage()
    assert isinstance(record.exc_info[1], LookupError)


async def test_handlers_run_at_the_same_time_but_not_more_than_allowed(cloud: Cloud) -> None:
    running, most, release = 0, 0, asyncio.Event()

    async def count(_: BusMessage) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await release.wait()
        running -= 1

    controller = await cloud.controller()
    await controller.subscribe("kn.count", count, at_once=3)
    for _ in range(10):
        await controller.publish("kn.count", b"")
    await until(lambda: running == 3)
    await controller.flush()
    assert most == 3
    release.set()
    await until(lambda: running == 0)
    assert most == 3


async def test_a_host_cannot_publish_on_the_subject_of_another(cloud: Cloud) -> None:
    controller, host = await cloud.controller(), await cloud.host("h1")
    got: list[str] = []

    async def take(message: BusMessage) -> None:
        got.append(message.subject)

    await controller.subscribe("kn.>", take)
    before = _dropped.labels("refused")._value.get()
    for subject in ("kn.c1.host.h2.report", "kn.c1.host.h1.work", "kn.changes.compute", "_INBOX.h2.x"):
        await host.publish(subject, b"forged")
    await host.publish("kn.c1.host.h1.report", b"true")
    await until(lambda: got)
    assert got == ["kn.c1.host.h1.report"]
    await host.flush()
    assert _dropped.labels("refused")._value.get() == before + 4


async def test_a_refused_request_fails_at_once(cloud: Cloud) -> None:
    with pytest.raises(BusRefused, match=r"kn\.c1\.host\.h2\.report"):
        await (await cloud.host("h1")).request("kn.c1.host.h2.report", b"", 60)


@pytest.mark.parametrize(
    "subject", ["kn.c1.host.h2.work", "kn.c1.host.h2.report", "kn.>", "_INBOX.h2.>", "_INBOX.>", ">", "$SYS.>"]
)
async def test_a_host_cannot_read_what_is_for_others(cloud: Cloud, subject: str) -> None:
    with pytest.raises(BusRefused):
        await (await cloud.host("h1")).subscribe(subject, echo)


async def test_a_host_cannot_use_the_inbox_of_another(cloud: Cloud) -> None:
    with pytest.raises(BusDown, match="within"):
        await cloud.client(cloud.host_credentials("h1"), "h1", inbox_prefix="kn.c1.host.h2.report", timeout=0.3)


async def test_a_host_may_answer_a_question_only_once(cloud: Cloud) -> None:
    controller, host = await cloud.controller(), await cloud.host("h1")
    got: list[bytes] = []

    async def take(message: BusMessage) -> None:
        got.append(message.data)

    await controller.subscribe("kn.answers", take)
    await host.subscribe("kn.c1.host.h1.ask", echo)
    assert controller._client is not None
    await controller._client.publish("kn.c1.host.h1.ask", b"x", reply="kn.answers")
    await until(lambda: got)
    await host.publish("kn.answers", b"again")
    await host.flush()
    await controller.flush()
    assert got == [b"echo x"]


async def test_a_user_who_may_nothing_may_really_nothing(cloud: Cloud) -> None:
    seed = Credentials.generate_seed()
    public = Credentials(jwt="", seed=seed).public_key
    jwt = cloud.authority.sign_user("mute", public, [], ["_INBOX.mute.>"], None)
    mute = await cloud.client(Credentials(jwt=jwt, seed=seed), "mute")
    with pytest.raises(BusRefused):
        await mute.request("kn.anything", b"", 60)


async def test_a_revoked_host_is_cut_off_and_stays_out_after_a_restart(cloud: Cloud, tmp_path: Path) -> None:
    controller = await cloud.controller()
    credentials = cloud.host_credentials("h1")
    host, other = await cloud.client(credentials, "h1"), await cloud.host("h2")
    await cloud.authority.revoke(cloud.server.url, credentials.public_key)
    await until(lambda: not host.is_connected)
    assert controller.is_connected
    assert other.is_connected
    with pytest.raises(BusDown, match=r"(?i)authorization|revoked"):
        await cloud.client(credentials, "h1", timeout=1)
    os.kill(cloud.server.pid or 0, signal.SIGKILL)
    await until(lambda: cloud.server.restarts == 1 and other.is_connected)
    with pytest.raises(BusDown, match=r"(?i)authorization|revoked"):
        await cloud.client(credentials, "h1", timeout=1)
    await cloud.server.stop()
    cloud.server = BusServer(BusAuthority.open(tmp_path / "authority"), tmp_path / "nats")
    await cloud.server.start()
    await until(lambda: other.is_connected and controller.is_connected)
    with pytest.raises(BusDown, match=r"(?i)authorization|revoked"):
        await cloud.client(credentials, "h1", timeout=1)


async def test_a_revocation_without_a_server_is_kept_for_its_next_start(cloud: Cloud) -> None:
    credentials = cloud.host_credentials("h1")
    await cloud.server.stop()
    with pytest.raises(BusDown):
        await cloud.authority.revoke(cloud.server.url, credentials.public_key)
    await cloud.server.start()
    with pytest.raises(BusDown, match=r"(?i)authorization|revoked"):
        await cloud.client(credentials, "h1", timeout=1)
    await cloud.controller()


async def test_credentials_that_expire_end_the_connection_and_can_be_renewed(cloud: Cloud) -> None:
    host = await cloud.client(cloud.host_credentials("h1", timedelta(seconds=1)), "h1")
    await until(lambda: not host.is_connected)
    host.renew(cloud.host_credentials("h1"))
    await until(lambda: host.is_connected)


async def test_credentials_of_another_authority_are_refused(cloud: Cloud, tmp_path: Path) -> None:
    stranger = BusAuthority.open(tmp_path / "other")
    with pytest.raises(BusDown, match=r"(?i)authorization"):
        await cloud.client(stranger.controller_credentials("x"), "x", timeout=5)


async def test_after_a_killed_server_traffic_flows_again_and_subscriptions_live_on(cloud: Cloud) -> None:
    again = asyncio.Event()

    async def note() -> None:
        again.set()

    controller, host = await cloud.controller(on_reconnect=note), await cloud.host("h1")
    await host.subscribe("kn.c1.host.h1.ask", echo)
    port = cloud.server.port
    for round_ in range(3):
        again.clear()
        os.kill(cloud.server.pid or 0, signal.SIGKILL)
        await until_done(lambda: controller.request("kn.c1.host.h1.ask", b"1", 5))
        async with asyncio.timeout(20):
            await again.wait()
        assert cloud.server.restarts == round_ + 1
    assert cloud.server.port == port


async def test_a_request_in_flight_fails_at_once_when_the_connection_is_lost(cloud: Cloud) -> None:
    asked, release = asyncio.Event(), asyncio.Event()

    async def never(_: BusMessage) -> None:
        asked.set()
        await release.wait()

    controller = await cloud.controller()
    await controller.subscribe("kn.never", never)
    question = asyncio.create_task(controller.request("kn.never", b"", 300))
    async with asyncio.timeout(20):
        await asked.wait()
    os.kill(cloud.server.pid or 0, signal.SIGKILL)
    with pytest.raises(BusDown):
        async with asyncio.timeout(20):
            await question
    release.set()


async def test_a_request_waits_for_the_next_connection_over_any_number_of_vain_tries(cloud: Cloud) -> None:
    controller = await cloud.controller()
    asked: list[bytes] = []

    async def count(message: BusMessage) -> bytes:
        asked.append(message.data)
        return await echo(message)

    await controller.subscribe("kn.x", count)
    await cloud.server.stop()
    await until(lambda: not controller.is_connected)
    question = asyncio.create_task(controller.request("kn.x", b"hello", 30))
    await until(lambda: "Connect call failed" in controller.trouble)
    await cloud.server.start()
    assert await question == b"echo hello"
    assert asked == [b"hello"]


async def test_publishing_without_a_connection_drops_and_counts(cloud: Cloud) -> None:
    controller = await cloud.controller()
    await cloud.server.stop()
    await until(lambda: not controller.is_connected)
    before = _dropped.labels("down")._value.get()
    for _ in range(100):
        await controller.publish("kn.x", b"lost")
    assert _dropped.labels("down")._value.get() == before + 100
    with pytest.raises(BusDown):
        await controller.request("kn.x", b"", 0.05)


async def test_a_server_that_does_not_read_makes_publishing_drop_not_wait_nor_grow(cloud: Cloud) -> None:
    controller = await cloud.controller()
    before = _dropped.labels("no_room")._value.get()
    os.kill(cloud.server.pid or 0, signal.SIGSTOP)
    try:
        for _ in range(100):
            await controller.publish("kn.x", bytes(1024 * 1024))
        assert controller._client is not None
        assert controller._client.pending_data_size < 10 * 1024 * 1024
        assert _dropped.labels("no_room")._value.get() > before
    finally:
        os.kill(cloud.server.pid or 0, signal.SIGCONT)
    await controller.flush()


async def test_a_message_too_large_and_a_bad_subject_are_told_to_the_caller(cloud: Cloud) -> None:
    controller = await cloud.controller()
    with pytest.raises(MessageTooLarge):
        await controller.publish("kn.x", bytes(5 * 1024 * 1024))
    with pytest.raises(ValueError, match="not a subject"):
        await controller.publish("kn. x", b"")
    with pytest.raises(ValueError, match="not a subject"):
        await controller.subscribe("kn..x", echo)
    assert controller.is_connected


async def test_connecting_keeps_trying_until_the_server_is_there(cloud: Cloud) -> None:
    await cloud.server.stop()
    attempt = asyncio.create_task(cloud.controller())
    await cloud.server.start()
    assert (await attempt).is_connected


async def test_connecting_to_nothing_ends_with_the_reason(cloud: Cloud) -> None:
    await cloud.server.stop()
    with pytest.raises(BusDown, match=r"(?i)connect"):
        await cloud.controller(wait=0.2)


@pytest.mark.parametrize("turns", range(12))
async def test_a_bus_that_loses_its_connection_as_it_is_closed_ends(cloud: Cloud, turns: int) -> None:
    controller = await cloud.controller()
    assert controller._client is not None
    losing = asyncio.create_task(controller._client.close())
    for _ in range(turns):
        await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await controller.close()
        await losing


async def test_closing_lets_running_handlers_answer(cloud: Cloud) -> None:
    controller, host = await cloud.controller(), await cloud.host("h1")
    begun, release = asyncio.Event(), asyncio.Event()

    async def slow(_: BusMessage) -> bytes:
        begun.set()
        await release.wait()
        return b"done"

    await host.subscribe("kn.c1.host.h1.ask", slow)
    question = asyncio.create_task(controller.request("kn.c1.host.h1.ask", b"", 20))
    await begun.wait()
    closing = asyncio.create_task(host.close())
    release.set()
    assert await question == b"done"
    await closing
    assert not host.is_connected


async def test_an_ended_subscription_gets_no_more(cloud: Cloud) -> None:
    controller = await cloud.controller()
    subscription = await controller.subscribe("kn.x", echo)
    assert await controller.request("kn.x", b"1", 5) == b"echo 1"
    await subscription.close()
    with pytest.raises(NoResponders):
        await controller.request("kn.x", b"2", 5)
