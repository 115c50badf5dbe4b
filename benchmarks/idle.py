"""The whole cloud idle: memory (PSS), processor, processes, and ``up`` to the first answer.

    uv run --no-sync python benchmarks/idle.py [--seconds 30] [--driver fake]

The second start is measured, as a developer meets it. The real services on such a machine: 2.1 GB in 26
processes, 16 s.
"""

from __future__ import annotations

import argparse
import http.client
import subprocess
import threading
import time

from measured_cloud import MeasuredCloud, costs, pss_mb, running_cloud, say_load


def seconds_to_first_answer(cloud: MeasuredCloud) -> tuple[float, float]:
    """Start it again: seconds until the API answers, and until ``up`` says ready."""
    cloud.down()
    began = time.monotonic()
    starting = threading.Thread(target=cloud.up)
    starting.start()
    while not _answers(cloud.port):
        time.sleep(0.01)
    answered = time.monotonic() - began
    starting.join()
    return answered, time.monotonic() - began


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/identity/v3")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _cores_used(cloud: MeasuredCloud, seconds: float) -> dict[str, float]:
    before, began = costs(cloud.processes()), time.monotonic()
    time.sleep(seconds)
    after, passed = costs(cloud.processes()), time.monotonic() - began
    return {name: (after[name] - before[name]) / passed for name in after if name != "client"}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--driver", default="fake")
    given = parser.parse_args(arguments)
    with running_cloud("--driver", given.driver) as cloud:
        try:
            answered, ready = seconds_to_first_answer(cloud)
            time.sleep(5)  # what a start leaves behind is not idleness
            used = _cores_used(cloud, given.seconds)
            memory = {name: pss_mb(pid) for name, pid in cloud.processes().items()}
        except subprocess.CalledProcessError as error:
            raise SystemExit(f"the cloud did not start again: {error}") from error
    print(f"idle, one {given.driver} host:")
    print(f"  up, the second time: first answer after {answered:.2f} s, ready after {ready:.2f} s")
    print(f"  memory (PSS): {sum(memory.values()):.0f} MB in {len(memory)} processes ({_told(memory, '.0f')})")
    percent = {name: 100 * cores for name, cores in used.items()}
    print(f"  processor over {given.seconds:.0f} s: {sum(percent.values()):.1f} % of a core ({_told(percent, '.1f')})")
    say_load()


def _told(figures: dict[str, float], how: str) -> str:
    return ", ".join(f"{name} {figure:{how}}" for name, figure in figures.items())


if __name__ == "__main__":
    main()
