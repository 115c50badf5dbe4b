"""Whose token it is: asked once for many requests, remembered for a short time, forgotten after."""

import asyncio

import msgspec
from kilonova_kit.errors import Unavailable
from kilonova_kit.http.client import Reply, ServiceClient
from kilonova_kit.http.token_check import TokenCheck

TOKEN = {
    "user": {"id": "u", "name": "u", "domain": {"id": "default"}},
    "roles": [{"name": "member"}],
    "expires_at": "2100-01-01T00:00:00.000000Z",
}


class Identity:
    """An identity service that answers when it is told to."""

    def __init__(self):
        self.asked, self.status, self.gate, self.begun = 0, 200, asyncio.Event(), asyncio.Event()

    async def send(self, method, path, headers, body):
        self.asked += 1
        self.begun.set()
        await self.gate.wait()
        return Reply(self.status, {}, msgspec.json.encode({"token": TOKEN}))


class Clock:
    now = 1_800_000_000.0

    def __call__(self):
        return self.now


async def test_many_requests_with_one_token_ask_once_and_again_when_it_is_old():
    service, clock = Identity(), Clock()
    check = TokenCheck(ServiceClient(service, None), clock, remember_seconds=5.0)
    many = [asyncio.create_task(check.identify("t")) for _ in range(20)]
    await service.begun.wait()
    service.gate.set()
    assert {found.user_id for found in await asyncio.gather(*many)} == {"u"}
    assert (await check.identify("t")).user_id == "u"
    assert service.asked == 1
    clock.now += 5.0
    service.status = 404
    assert await check.identify("t") is None
    assert service.asked == 2


async def test_whoever_gives_up_leaves_the_answer_to_the_others():
    service = Identity()
    check = TokenCheck(ServiceClient(service, None), Clock())
    first, second = (asyncio.create_task(check.identify("t")) for _ in range(2))
    await service.begun.wait()
    first.cancel()
    service.gate.set()
    assert (await second).user_id == "u"
    assert service.asked == 1


async def test_a_service_that_is_away_is_asked_again_by_the_next():
    service = Identity()
    check = TokenCheck(ServiceClient(service, None), Clock())
    service.status = 503
    service.gate.set()
    found = await asyncio.gather(check.identify("t"), check.identify("t"), return_exceptions=True)
    assert [type(one) for one in found] == [Unavailable, Unavailable]
    service.status = 200
    assert (await check.identify("t")).user_id == "u"
    assert service.asked == 2


async def test_a_token_in_use_is_asked_about_again_before_its_answer_is_old_and_nobody_waits():
    service, clock = Identity(), Clock()
    check = TokenCheck(ServiceClient(service, None), clock, remember_seconds=5.0)
    service.gate.set()
    await check.identify("t")
    service.gate.clear()
    service.begun.clear()
    clock.now += 3.0
    assert (await check.identify("t")).user_id == "u"
    await service.begun.wait()
    assert service.asked == 2
    service.status = 404
    service.gate.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert await check.identify("t") is None  # the new answer counts as soon as it is there
    assert service.asked == 2


async def test_an_early_question_that_fails_leaves_the_answer_that_still_holds():
    service, clock = Identity(), Clock()
    check = TokenCheck(ServiceClient(service, None), clock, remember_seconds=5.0)
    service.gate.set()
    await check.identify("t")
    service.status = 503
    clock.now += 3.0
    for _ in range(3):
        assert (await check.identify("t")).user_id == "u"
        await asyncio.sleep(0)
    clock.now += 2.0
    service.status = 200
    assert (await check.identify("t")).user_id == "u"
