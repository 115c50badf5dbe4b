"""The bytes of images: in, out, staged, imported; and what a crash or a bad client leaves."""

from __future__ import annotations

import asyncio
import hashlib
import os

import msgspec
import pytest
from kilonova_neighbours.image.service import ImageApp
from kilonova_neighbours.image.store.tables import metadata

BYTES = {"Content-Type": "application/octet-stream", "X-Auth-Token": "anna"}


async def until(question):
    """Wait for a state; the test's own time limit ends a state that never comes."""
    while not await question():  # noqa: ASYNC110 - the state is behind an API, which has no event to wait for
        await asyncio.sleep(0)


async def test_data_comes_back_as_it_went_in(cloud):
    image, data = await cloud.create(), os.urandom(3_000_000)
    path = f"/v2/images/{image['id']}/file"
    assert (await cloud.ask("anna", "GET", path)).status == 204
    assert (await cloud.upload(image["id"], data)).status == 204
    shown = await cloud.show(image["id"])
    assert (shown["status"], shown["size"], shown["virtual_size"]) == ("active", len(data), len(data))
    assert shown["checksum"] == hashlib.md5(data).hexdigest()
    assert (shown["os_hash_algo"], shown["os_hash_value"]) == ("sha512", hashlib.sha512(data).hexdigest())
    reply = await cloud.ask("anna", "GET", path)
    assert (reply.status, reply.body) == (200, data)
    assert reply.headers["content-md5"] == shown["checksum"]
    assert reply.headers["content-length"] == str(len(data))
    assert reply.headers["content-type"] == "application/octet-stream"
    (name,) = cloud.files()
    stat = (cloud.settings.data_dir / "data" / name).stat()
    assert name.startswith(image["id"])
    assert stat.st_mode & 0o777 == 0o600
    assert cloud.settings.data_dir.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("asked", "status", "part", "told"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=4-", 206, b"456789", "bytes 4-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=8-100", 206, b"89", "bytes 8-9/10"),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=-0", 416, None, "bytes */10"),
        ("lines=1-2", 200, b"0123456789", None),
        ("bytes=1-2,4-5", 200, b"0123456789", None),
    ],
)
async def test_a_part_can_be_asked_for(cloud, asked, status, part, told):
    image = await cloud.create()
    await cloud.upload(image["id"], b"0123456789")
    reply = await cloud.ask("anna", "GET", f"/v2/images/{image['id']}/file", Range=asked)
    assert (reply.status, reply.headers.get("content-range")) == (status, told)
    assert part is None or reply.body == part


async def test_data_is_given_once(cloud):
    image = await cloud.create()
    assert (await cloud.upload(image["id"], b"first")).status == 204
    assert (await cloud.upload(image["id"], b"second")).status == 409
    assert (await cloud.ask("anna", "GET", f"/v2/images/{image['id']}/file")).body == b"first"
    assert len(cloud.files()) == 1


async def test_an_upload_says_what_it_is(cloud):
    image = await cloud.create()
    path = f"/v2/images/{image['id']}/file"
    assert (await cloud.put("anna", path, b"x", Content_Type="text/plain")).status == 415
    assert (await cloud.put("anna", path, b"x", X_OpenStack_Image_Size="ten")).status == 400
    assert (await cloud.put("anna", path, b"x", X_OpenStack_Image_Size="10")).status == 400
    bare = (await cloud.ask("anna", "POST", "/v2/images", {"name": "no format"})).json()
    assert (await cloud.upload(bare["id"], b"x")).status == 400
    assert (await cloud.show(image["id"]))["status"] == "queued"
    assert cloud.files() == []


async def test_more_than_the_limit_is_refused_however_it_comes(cloud):
    image, big = await cloud.create(), bytes(cloud.settings.largest_image + 1)
    assert (await cloud.upload(image["id"], big)).status == 413
    silent = await _send(cloud, image["id"], [bytes(1024 * 1024)] * 65)
    assert silent == 413
    assert (await cloud.show(image["id"]))["status"] == "queued"
    assert cloud.files() == []


async def _send(cloud, image_id, pieces, before_last=None):
    """Upload in pieces with no length announced; ``before_last`` runs when all but the last were sent."""
    left, status = list(pieces), []

    async def receive():
        if len(left) == 1 and before_last is not None:
            await before_last()
        piece = left.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(left)}

    async def deliver(message):
        if message["type"] == "http.response.start":
            status.append(message["status"])

    headers = [(name.lower().encode(), value.encode()) for name, value in BYTES.items()]
    scope = cloud.transport._scope("PUT", f"/v2/images/{image_id}/file", {}, 0)
    scope["headers"] = [*headers, (b"host", b"localhost"), (b"transfer-encoding", b"chunked")]
    await cloud.edge.asgi(scope, receive, deliver)
    return status[0]


async def test_while_one_uploads_another_is_refused(cloud):
    image, seen = await cloud.create(), []

    async def meanwhile():
        seen.append((await cloud.show(image["id"]))["status"])
        seen.append((await cloud.upload(image["id"], b"other")).status)

    assert await _send(cloud, image["id"], [b"a" * 2_000_000, b"b"], meanwhile) == 204
    assert seen == ["saving", 409]
    assert (await cloud.show(image["id"]))["size"] == 2_000_001


async def test_an_image_deleted_in_the_middle_leaves_nothing(cloud):
    image = await cloud.create()

    async def meanwhile():
        assert (await cloud.ask("anna", "DELETE", f"/v2/images/{image['id']}")).status == 204

    assert await _send(cloud, image["id"], [b"a" * 2_000_000, b"b"], meanwhile) in (410, 503)
    assert cloud.files() == []


async def test_a_client_that_goes_away_leaves_a_queued_image(cloud):
    image, gone = await cloud.create(), asyncio.Event()

    async def never():
        gone.set()
        await asyncio.Event().wait()

    sending = asyncio.create_task(_send(cloud, image["id"], [b"a" * 2_000_000, b"b"], never))
    await gone.wait()
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    assert (await cloud.show(image["id"]))["status"] == "queued"
    assert cloud.files() == []
    assert (await cloud.upload(image["id"], b"again")).status == 204


async def test_a_crash_in_the_middle_leaves_a_queued_image_and_no_file(cloud):
    """The state that a killed process leaves: a row that says saving, and files that nobody holds."""
    image, kept = await cloud.create(), await cloud.create()
    await cloud.upload(kept["id"], b"kept")
    whole = cloud.files()
    await cloud.app._images.change(image["id"], _saving)
    for folder in ("incoming", "data"):
        (cloud.settings.data_dir / folder / f"{image['id']}.dead").write_bytes(b"half")
    (cloud.settings.data_dir / "incoming" / "stray").write_bytes(b"stray")
    await cloud.app.close()
    cloud.app = ImageApp(cloud.settings)
    cloud.edge._app = cloud.app
    await cloud.app.start()
    assert (await cloud.show(image["id"]))["status"] == "queued"
    assert cloud.files() == whole
    assert (await cloud.ask("anna", "GET", f"/v2/images/{kept['id']}/file")).body == b"kept"
    assert (await cloud.upload(image["id"], b"again")).status == 204


def _saving(image):
    return msgspec.structs.replace(image, status="saving", token="dead")


async def test_a_sweep_leaves_a_living_upload_alone(cloud):
    """Also one of another process, which only the lock on its file tells."""
    image = await cloud.create()
    other = ImageApp(cloud.settings)
    await other._database.start(metadata)

    async def meanwhile():
        await other.sweep.run()
        await cloud.app.sweep.run()

    assert await _send(cloud, image["id"], [b"a" * 2_000_000, b"b"], meanwhile) == 204
    await other.close()
    assert (await cloud.show(image["id"]))["status"] == "active"


async def test_staged_data_is_imported(cloud):
    image = await cloud.create()
    path = f"/v2/images/{image['id']}"
    order = {"method": {"name": "glance-direct"}}
    assert (await cloud.ask("anna", "POST", f"{path}/import", order)).status == 409
    assert (await cloud.put("anna", f"{path}/stage", b"staged")).status == 204
    staged = await cloud.show(image["id"])
    assert (staged["status"], staged["size"]) == ("uploading", 6)
    assert (await cloud.ask("anna", "GET", f"{path}/file")).status == 204
    assert (await cloud.upload(image["id"], b"other")).status == 409
    assert (await cloud.ask("ben", "POST", f"{path}/import", order)).status == 404
    await cloud.app.sweep.run()
    asked = await cloud.ask("anna", "POST", f"{path}/import", order)
    assert (asked.status, asked.body) == (202, b"")
    await until(lambda: _is(cloud, image["id"], "active"))
    assert (await cloud.ask("anna", "GET", f"{path}/file")).body == b"staged"
    await until(lambda: _task_is(cloud, image["id"], "success"))
    (task,) = (await cloud.ask("anna", "GET", f"{path}/tasks")).json()["tasks"]
    assert task["input"]["import_req"] == order
    assert task["request_id"] == asked.headers["x-openstack-request-id"]
    assert (await cloud.ask("root", "GET", f"/v2/tasks/{task['id']}")).json()["status"] == "success"
    assert len((await cloud.ask("root", "GET", "/v2/tasks?status=success")).json()["tasks"]) == 1


async def _is(cloud, image_id, status):
    return (await cloud.show(image_id))["status"] == status


async def _task_is(cloud, image_id, status):
    tasks = (await cloud.ask("anna", "GET", f"/v2/images/{image_id}/tasks")).json()["tasks"]
    return tasks[0]["status"] == status


async def test_an_import_of_the_wrong_format_fails_visibly(cloud):
    image = await cloud.create(disk_format="qcow2")
    path = f"/v2/images/{image['id']}"
    await cloud.put("anna", f"{path}/stage", b"no qcow2")
    await cloud.ask("anna", "POST", f"{path}/import", {"method": {"name": "glance-direct"}})
    await until(lambda: _task_is(cloud, image["id"], "failure"))
    (task,) = (await cloud.ask("anna", "GET", f"{path}/tasks")).json()["tasks"]
    assert "did not match disk_format" in task["message"]
    assert (await cloud.show(image["id"]))["status"] == "queued"
    assert cloud.files() == []


async def test_an_import_that_a_crash_broke_off_is_finished_at_the_next_start(cloud):
    image = await cloud.create()
    await cloud.put("anna", f"/v2/images/{image['id']}/stage", b"staged")
    await cloud.app._images.change(image["id"], lambda old: msgspec.structs.replace(old, status="importing"))
    await cloud.app.close()
    cloud.app = ImageApp(cloud.settings)
    cloud.edge._app = cloud.app
    await cloud.app.start()
    await until(lambda: _is(cloud, image["id"], "active"))


@pytest.mark.parametrize(
    "body",
    [{}, [], {"method": {}}, {"method": {"name": "web-download"}}, {"method": "glance-direct"}],
)
async def test_a_bad_import_is_refused(cloud, body):
    image = await cloud.create()
    await cloud.put("anna", f"/v2/images/{image['id']}/stage", b"staged")
    assert (await cloud.ask("anna", "POST", f"/v2/images/{image['id']}/import", body)).status == 400


async def test_a_head_request_tells_the_size(cloud):
    image = await cloud.create()
    await cloud.upload(image["id"], b"0123456789")
    reply = await cloud.ask("anna", "HEAD", f"/v2/images/{image['id']}/file")
    assert (reply.status, reply.headers["content-length"], reply.body) == (200, "10", b"")
