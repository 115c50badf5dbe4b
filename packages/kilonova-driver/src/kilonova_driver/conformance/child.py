"""The other process: holds one driver, carries out the calls that come over a socket, and is ended by signal 9.

Run as ``python -m kilonova_driver.conformance.child SOURCE FILE_DESCRIPTOR``. It ends without closing the driver when
the socket closes, so no driver outlives the kit.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys

import msgspec

from kilonova_driver.conformance.sources import open_driver
from kilonova_driver.conformance.wire import LINE_LIMIT, METHODS, Answer, Call
from kilonova_driver.driver import Driver
from kilonova_driver.errors import DriverError
from kilonova_driver.types.settings import DriverSettings


async def serve(source: str, descriptor: int) -> None:
    """Start the driver and answer until the socket closes."""
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=descriptor), limit=LINE_LIMIT)
    driver = open_driver(source, msgspec.json.decode(await reader.readline(), type=DriverSettings))
    await driver.start()
    writer.write(msgspec.json.encode(driver.capabilities()) + b"\n")
    tasks: set[asyncio.Task[None]] = set()
    while line := await reader.readline():
        task = asyncio.create_task(_answer(driver, msgspec.json.decode(line, type=Call), writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    os._exit(0)


async def _answer(driver: Driver, call: Call, writer: asyncio.StreamWriter) -> None:
    try:
        value = await _carry_out(driver, call)
        answer = Answer(number=call.number, value=msgspec.Raw(msgspec.json.encode(value)))
    except DriverError as error:
        answer = Answer(number=call.number, error=error.code, message=error.message)
    except Exception as error:  # noqa: BLE001 - what leaves the driver is told to the kit, which judges it
        answer = Answer(number=call.number, error="outside", message=repr(error))
    writer.write(msgspec.json.encode(answer) + b"\n")


async def _carry_out(driver: Driver, call: Call) -> object:
    kinds = METHODS[call.method][0]
    pairs = zip(call.arguments, kinds, strict=True)
    arguments: list[object] = [msgspec.json.decode(raw, type=kind) for raw, kind in pairs]
    result: object = await getattr(driver, call.method)(*arguments)
    return result


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
