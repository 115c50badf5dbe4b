"""The agent's side of the wirer, with wirers that break in every way."""

import logging
import sys

import pytest
from kilonova_agent.network.helper_process import HelperProcess
from kilonova_agent.network.requests import ListPorts

#: Misbehaves as its first argument says when it runs for the first time; from then on it answers.
WIRER = r"""
import asyncio, os, sys
from pathlib import Path
from kilonova_agent.network.requests import Answer, Ask, encode_frame, read_frame

how, mark = sys.argv[1], Path(sys.argv[2])
say = lambda frame: os.write(1, frame)
first = not mark.exists()
mark.touch()
if first and how == "words without end":
    os.write(2, b"x" * (3 << 20) + b"\nINFO done\n")
say(encode_frame(Answer(number=0)))
if first and how == "nonsense":
    say((3).to_bytes(4, "big") + b"\xff\xff\xff")
if first and how == "a frame without end":
    say(b"\xff\xff\xff\xff")

async def serve():
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    while True:
        say(encode_frame(Answer(number=(await read_frame(reader, Ask)).number)))

try:
    asyncio.run(serve())
except asyncio.IncompleteReadError:
    pass
"""


@pytest.mark.parametrize("how", ["", "words without end", "nonsense", "a frame without end"])
async def test_the_helper_is_kept_alive_whatever_it_says(how, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    script = tmp_path / "wirer.py"
    script.write_text(WIRER)
    command = (sys.executable, str(script), how, str(tmp_path / "mark"))
    helper = HelperProcess(lambda: command, logging.getLogger("test.helper"))
    await helper.start()
    try:
        for _ in range(3):
            assert (await helper.ask(ListPorts())).ports == ()
    finally:
        await helper.close()
    if how == "words without end":
        assert any("a line that is too long" in words for words in caplog.messages), "the line was short enough"
        assert any(words.endswith("done") for words in caplog.messages)
