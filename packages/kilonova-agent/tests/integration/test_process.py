"""The agent as a process: its command line, its signals, its door for health checks."""

import asyncio
import signal
import subprocess
import sys

from kilonova_agent.agent import working_agent
from kilonova_agent.main import main


async def get(port, path):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer.decode()


async def test_the_door_tells_health_readiness_and_metrics(controller, agent_process, unused_tcp_port):
    await agent_process("h1", "--status-listen", f"127.0.0.1:{unused_tcp_port}")
    assert (await get(unused_tcp_port, "/healthz")).startswith("HTTP/1.1 200")
    assert (await get(unused_tcp_port, "/readyz")).startswith("HTTP/1.1 200")
    assert "kilonova_agent_steps_total" in await get(unused_tcp_port, "/metrics")
    assert (await get(unused_tcp_port, "/other")).startswith("HTTP/1.1 404")
    await controller.server.stop()
    async with asyncio.timeout(10):
        while not (await get(unused_tcp_port, "/readyz")).startswith("HTTP/1.1 503"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await controller.server.start()


async def test_a_working_agent_is_found_by_its_lock_and_ends_on_sigterm(agent_process, tmp_path):
    process = await agent_process()
    assert working_agent(tmp_path / "h1") == process.process.pid
    assert await process.end(signal.SIGTERM) == 0
    assert working_agent(tmp_path / "h1") is None


async def test_drain_reaches_the_working_agent_or_does_it_itself(agent_process, tmp_path):
    process = await agent_process()
    arguments = ["drain", "--data", str(tmp_path / "h1"), "--driver", "fake", "--drain-seconds", "5"]
    assert await asyncio.to_thread(main, arguments) == 0
    assert await process.process.wait() == 0
    assert await asyncio.to_thread(main, arguments) == 0


async def test_joining_by_the_command_line_says_who_the_host_is(controller, tmp_path, capsys):
    (tmp_path / "token").write_text("token-1\n")
    flags = ["--data", str(tmp_path / "h9"), "--controller-url", controller.url, "--hostname", "h9"]
    assert await asyncio.to_thread(main, ["join", *flags, "--token-file", str(tmp_path / "token")]) == 0
    assert "host h9 is id-of-h9 in cell1" in capsys.readouterr().out


def test_what_is_wrong_is_one_line_and_status_1(tmp_path):
    command = [sys.executable, "-m", "kilonova_agent", "run", "--data", str(tmp_path), "--driver", "fake"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "join the cloud first" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_an_idle_agent_loads_no_library_that_only_its_helper_or_a_question_needs():
    modules = ("kilonova_agent.main", "kilonova_agent.network.host_network")
    heavy = ("pyroute2", "falcon", "uvicorn", "pycdlib", "httpx", "sqlalchemy")
    code = f"import sys, {', '.join(modules)}\nprint(*({{*sys.modules}} & {{*{heavy}}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("\n", "")
