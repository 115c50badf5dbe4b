"""The image cache against a controller over HTTP."""

import asyncio
import contextlib
import os
import struct
import subprocess

import msgspec
import pytest
from kilonova_agent.errors import DiskFull, ImageRefused
from kilonova_agent.images import ImageCache

CONTENT = os.urandom(3_000_000)


@pytest.fixture
async def make_cache(controller, tmp_path):
    async with contextlib.AsyncExitStack() as stack:

        def make(directory="images"):
            cache = ImageCache(tmp_path / directory, controller.url)
            cache.start()
            stack.push_async_callback(cache.close)
            return cache

        yield make


def files(tmp_path, directory="images"):
    """Of images, whole and half; their names by id are apart."""
    return sorted(path.name for path in (tmp_path / directory).iterdir() if path.name != "by-id")


async def test_an_image_is_fetched_once_for_all_who_want_it(controller, make_cache, tmp_path):
    cache, source = make_cache(), controller.add_image(CONTENT)
    found = await asyncio.gather(*(cache.ensure(source) for _ in range(5)))
    assert len(controller.fetches) == 1
    assert {image.virtual_size for image in found} == {len(CONTENT)}
    assert found[0].path.read_bytes() == CONTENT
    assert found[0].path.stat().st_mode & 0o777 == 0o444
    assert files(tmp_path) == [f"sha512-{source.digest}.raw"]


async def test_an_image_that_is_here_needs_nobody(controller, make_cache):
    source = controller.add_image(CONTENT)
    path = (await make_cache().ensure(source)).path
    controller.status = 503
    assert (await make_cache().ensure(msgspec.structs.replace(source, ticket="too old"))).path == path
    assert len(controller.fetches) == 1


async def test_two_agents_that_share_a_cache_fetch_once(controller, make_cache):
    source = controller.add_image(CONTENT)
    one, other = make_cache(), make_cache()
    await asyncio.gather(one.ensure(source), other.ensure(source))
    assert len(controller.fetches) == 1
    assert one.held() == other.held() == (source.image_id,)


async def test_what_is_here_is_known_by_id_and_told_once(controller, make_cache):
    cache, source, news = make_cache(), controller.add_image(CONTENT), []
    cache.on_change = lambda: news.append(cache.held())
    assert not cache.has(source)
    for _ in range(3):
        await cache.ensure(source)
    same_bytes = msgspec.structs.replace(source, image_id="twin")
    assert cache.has(same_bytes)
    assert news == [("image-0",), ("image-0", "twin")]
    assert len(controller.fetches) == 1
    assert make_cache().held() == ("image-0", "twin")


async def test_an_image_that_is_not_whole_is_not_known(controller, make_cache, eventually):
    cache, source = make_cache(), controller.add_image(CONTENT)
    controller.images[source.path] = CONTENT[:-1] + b"!"
    with pytest.raises(ImageRefused):
        await cache.ensure(source)
    assert cache.held() == ()
    controller.status = 503
    fetch = asyncio.create_task(cache.ensure(source))
    await eventually(lambda: len(controller.fetches) >= 2)
    assert cache.held() == ()
    fetch.cancel()
    await asyncio.wait([fetch])


async def test_bytes_that_do_not_match_their_digest_are_refused_and_removed(controller, make_cache, tmp_path):
    source = controller.add_image(CONTENT)
    controller.images[source.path] = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    with pytest.raises(ImageRefused, match="does not match"):
        await make_cache().ensure(source)
    assert files(tmp_path) == []


async def test_an_image_that_does_not_end_is_refused(controller, make_cache, tmp_path):
    source = controller.add_image(CONTENT)
    controller.images[source.path] = CONTENT * 2
    with pytest.raises(ImageRefused, match="longer"):
        await make_cache().ensure(source)
    assert files(tmp_path) == []


async def test_a_controller_that_is_away_is_asked_again(controller, make_cache, eventually):
    cache, source, told = make_cache(), controller.add_image(CONTENT), []
    controller.status = 503
    fetch = asyncio.create_task(cache.ensure(source, told.append))
    await eventually(lambda: len(controller.fetches) >= 2)
    controller.status = 200
    assert (await fetch).path.exists()
    assert "503" in told[0]


async def test_who_gives_up_last_ends_the_fetch_and_leaves_nothing(controller, make_cache, tmp_path, eventually):
    cache, source = make_cache(), controller.add_image(CONTENT)
    controller.status = 503
    fetches = [asyncio.create_task(cache.ensure(source)) for _ in range(2)]
    await eventually(lambda: controller.fetches)
    fetches[0].cancel()
    await asyncio.wait([fetches[0]])
    assert files(tmp_path) == [f"sha512-{source.digest}.raw.part"]
    fetches[1].cancel()
    await asyncio.wait([fetches[1]])
    assert files(tmp_path) == []


@pytest.mark.parametrize("change", [{"ticket": "forged"}, {"path": "/compute/host-images/gone"}])
async def test_a_refused_ticket_and_a_missing_image_are_told(change, controller, make_cache):
    source = msgspec.structs.replace(controller.add_image(CONTENT), **change)
    with pytest.raises(ImageRefused):
        await make_cache().ensure(source)


@pytest.mark.parametrize("change", [{"digest": ""}, {"digest": "../../etc/passwd"}, {"digest_algorithm": "md5"}])
async def test_a_digest_that_cannot_be_checked_is_refused_without_a_fetch(change, controller, make_cache):
    source = msgspec.structs.replace(controller.add_image(CONTENT), **change)
    with pytest.raises(ImageRefused, match="no digest"):
        await make_cache().ensure(source)
    assert not controller.fetches


async def test_what_was_half_fetched_is_removed_at_start(controller, make_cache, tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "sha512-00.raw.part").write_bytes(b"half")
    make_cache()
    assert files(tmp_path) == []


async def test_a_cached_file_that_lost_bytes_is_fetched_again(controller, make_cache):
    cache, source = make_cache(), controller.add_image(CONTENT)
    path = (await cache.ensure(source)).path
    path.chmod(0o600)
    os.truncate(path, 10)
    assert (await cache.ensure(source)).path.read_bytes() == CONTENT


def qcow2(*, backing=0, features=0, size=1 << 20, version=3):
    header = struct.pack(">4sIQIIQI", b"QFI\xfb", version, backing, 10 if backing else 0, 16, size, 0)
    return header.ljust(72, b"\0") + struct.pack(">Q", features) + bytes(432)


async def test_a_qcow2_image_says_its_size(controller, make_cache):
    source = controller.add_image(qcow2(), format="qcow2")
    assert (await make_cache().ensure(source)).virtual_size == 1 << 20


@pytest.mark.parametrize(
    "content",
    [
        qcow2(backing=512),
        qcow2(features=1 << 2),
        qcow2(features=1 << 1),
        qcow2(features=1 << 9),
        qcow2(version=9),
        b"x",
    ],
)
async def test_a_qcow2_image_that_points_elsewhere_or_is_none_is_refused(content, controller, make_cache, tmp_path):
    source = controller.add_image(content, format="qcow2")
    with pytest.raises(ImageRefused):
        await make_cache().ensure(source)
    assert files(tmp_path) == []


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte where the images are kept."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system takes root")
    small = tmp_path / "images"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", small], check=True)
    yield small
    subprocess.run(["umount", small], check=True)


async def test_a_full_disk_is_told_and_leaves_nothing(small_disk, controller, make_cache, tmp_path):
    with pytest.raises(DiskFull, match="full"):
        await make_cache().ensure(controller.add_image(CONTENT))
    assert files(tmp_path) == []
