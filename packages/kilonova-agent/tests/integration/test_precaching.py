"""Images that the controller wants at hand, and what the host says of those that it has."""

import contextlib
import os

import msgspec
import pytest
from kilonova_agent.errors import ImageRefused, StepFailure
from kilonova_agent.images import ImageCache
from kilonova_agent.precaching import Precaching
from kilonova_messages.asks import CacheImageAsk
from kilonova_messages.reports import ImagesReport

HOST = "id-of-h1"
CONTENT = os.urandom(200_000)


@pytest.fixture
async def make_precaching(controller, tmp_path):
    async with contextlib.AsyncExitStack() as stack:

        def make(**how):
            cache = ImageCache(tmp_path / "images", controller.url)
            cache.start()
            stack.push_async_callback(cache.close)
            made = Precaching(cache, **how)
            stack.push_async_callback(made.close)
            return made

        yield make


def left(tmp_path):
    return [path.name for path in (tmp_path / "images").iterdir() if path.name != "by-id"]


async def test_asked_again_and_again_it_fetches_once(controller, make_precaching, eventually):
    precaching, source = make_precaching(), controller.add_image(CONTENT)
    assert not precaching.ask(source).cached
    await eventually(lambda: precaching.ask(source).cached)
    assert len(controller.fetches) == 1


async def test_a_failure_is_told_once_and_then_it_begins_anew(controller, make_precaching, tmp_path, eventually):
    precaching, source = make_precaching(), controller.add_image(CONTENT)
    controller.images[source.path] = CONTENT[:-1] + b"!"

    def failure():
        try:
            precaching.ask(source)
        except ImageRefused as refused:
            return refused
        return None

    assert "does not match" in (await eventually(failure)).message
    assert left(tmp_path) == []
    controller.images[source.path] = CONTENT
    await eventually(lambda: precaching.ask(source).cached)


async def test_what_nobody_asks_for_any_more_is_given_up_and_leaves_nothing(
    controller, make_precaching, tmp_path, eventually
):
    precaching, source = make_precaching(patience=0.2), controller.add_image(CONTENT)
    controller.status = 503
    precaching.ask(source)
    await eventually(lambda: left(tmp_path))
    await eventually(lambda: not left(tmp_path))
    controller.status = 200
    await eventually(lambda: precaching.ask(source).cached)


async def test_it_says_why_it_waits(controller, make_precaching, eventually):
    precaching, source = make_precaching(), controller.add_image(CONTENT)
    controller.status = 503
    await eventually(lambda: "503" in precaching.ask(source).waits)


async def test_so_many_at_once_and_no_more(controller, make_precaching):
    precaching, source = make_precaching(), controller.add_image(CONTENT)
    controller.status = 503
    for number in range(64):
        precaching.ask(msgspec.structs.replace(source, image_id=f"i{number}"))
    with pytest.raises(StepFailure, match="already"):
        precaching.ask(msgspec.structs.replace(source, image_id="one-more"))


async def test_a_host_says_which_images_it_has_at_start_and_when_that_changes(
    controller, start_agent, eventually, tmp_path
):
    agent, source = await start_agent(), controller.add_image(CONTENT)
    assert (await eventually(lambda: controller.of(ImagesReport)))[-1].images == ()
    answer = await controller.ask(HOST, CacheImageAsk(source=source))
    assert (answer.image.cached, answer.error) == (False, None)
    await eventually(lambda: controller.of(ImagesReport)[-1].images == (source.image_id,))
    assert (await controller.ask(HOST, CacheImageAsk(source=source))).image.cached
    told = len(controller.of(ImagesReport))
    beats = len(controller.reports)
    await eventually(lambda: len(controller.reports) > beats + 20)  # heartbeats, guests: looks at everything meanwhile
    assert len(controller.of(ImagesReport)) == told
    await agent.close()
    await start_agent()
    await eventually(lambda: len(controller.of(ImagesReport)) == told + 1)
    assert controller.of(ImagesReport)[-1].images == (source.image_id,)


async def test_an_older_controller_is_told_again_until_a_newer_one_understands(controller, start_agent, eventually):
    controller.unreadable = (ImagesReport,)
    await start_agent()
    await eventually(lambda: len(controller.of(ImagesReport)) >= 3)
    controller.unreadable = ()
    told = len(controller.of(ImagesReport))
    await eventually(lambda: len(controller.of(ImagesReport)) > told)
    told, beats = len(controller.of(ImagesReport)), len(controller.reports)
    await eventually(lambda: len(controller.reports) > beats + 20)
    assert len(controller.of(ImagesReport)) <= told + 1  # one may have been on its way


async def test_a_refused_image_is_answered_with_its_error(controller, start_agent, eventually):
    await start_agent()
    source = msgspec.structs.replace(controller.add_image(CONTENT), digest="")
    answer = await controller.ask(HOST, CacheImageAsk(source=source))
    assert (answer.image, answer.error.code) == (None, "image")
