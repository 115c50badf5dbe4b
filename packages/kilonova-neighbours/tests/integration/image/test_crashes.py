"""A process killed in the middle of an upload, for real."""

from __future__ import annotations

import asyncio
import sys

import msgspec
import pytest
from kilonova_neighbours.image.model.callers import Caller
from kilonova_neighbours.image.model.images import Image
from kilonova_neighbours.image.service import ImageApp
from kilonova_neighbours.image.settings import ImageSettings

#: Takes in half an upload (or staging), says so, and waits for its end.
VICTIM = """
import asyncio, sys
from pathlib import Path
from kilonova_neighbours.image.model.callers import Caller
from kilonova_neighbours.image.model.images import Image
from kilonova_neighbours.image.service import ImageApp
from kilonova_neighbours.image.settings import ImageSettings

async def half():
    for _ in range(3):
        yield bytes(1024 * 1024)
    print(image.id, flush=True)
    await asyncio.Event().wait()
    yield b""

async def main():
    global image
    app = ImageApp(ImageSettings(data_dir=Path(sys.argv[1])))
    await app.start()
    anna = Caller(user_id="anna", project_id="alpha")
    image = await app.images.create(Image(id="", disk_format="raw", container_format="bare"), anna)
    await getattr(app.uploads, sys.argv[2])(image.id, half(), None, anna)

asyncio.run(main())
"""


@pytest.mark.parametrize("how", ["upload", "stage"])
async def test_a_killed_upload_leaves_a_queued_image_and_no_file(tmp_path, how):
    folder = tmp_path / "images"
    victim = await asyncio.create_subprocess_exec(
        sys.executable, "-c", VICTIM, str(folder), how, stdout=asyncio.subprocess.PIPE
    )
    assert victim.stdout is not None
    image_id = (await victim.stdout.readline()).decode().strip()
    beside = ImageApp(ImageSettings(data_dir=folder))
    await beside.start()
    anna = Caller(user_id="anna", project_id="alpha")
    assert (await beside.images.get(image_id, anna)).status in ("saving", "uploading")
    assert len(list((folder / "incoming").iterdir())) == 1
    victim.kill()
    await victim.wait()
    await beside.sweep.run()
    assert (await beside.images.get(image_id, anna)).status == "queued"
    assert list((folder / "incoming").iterdir()) == list((folder / "data").iterdir()) == []
    await beside.close()


async def test_an_import_that_died_after_its_file_was_published_is_finished(tmp_path):
    folder = tmp_path / "images"
    app = ImageApp(ImageSettings(data_dir=folder))
    await app.start()
    anna = Caller(user_id="anna", project_id="alpha")
    image = await app.images.create(Image(id="", disk_format="raw", container_format="bare"), anna)
    await app.uploads.stage(image.id, _pieces(b"data"), None, anna)
    await app._images.change(image.id, lambda known: msgspec.structs.replace(known, status="importing"))
    (staged,) = (folder / "incoming").iterdir()
    staged.rename(folder / "data" / staged.name)  # the last that the dead process did
    await app.close()
    again = ImageApp(ImageSettings(data_dir=folder))
    await again.start()
    await asyncio.gather(*again.imports._running)
    found = await again.images.get(image.id, anna)
    assert (found.status, found.size) == ("active", 4)
    _, file = await again.uploads.download(image.id, anna)
    with file:
        assert file.read() == b"data"
    await again.close()


async def _pieces(data):
    yield data
