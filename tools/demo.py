"""The demo: a cloud from nothing, a real guest through the real ``openstack`` client, seen from outside and inside.

Each step is a command that a person could type; it is shown, timed, and must do what it says. ``--keep`` leaves the
cloud.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
KILONOVA = ROOT / "bin" / "kilonova"
SERVER, KEY = "demo", "demo-key"
READY_LINE = "tiny: ready at"


class DemoFailed(Exception):
    """A step did not do what it says."""


class Steps:
    """Prints each step with its time: a spinner on a terminal, plain lines otherwise."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self._terminal = sys.stdout.isatty()

    @contextlib.contextmanager
    def step(self, words: str) -> Iterator[Callable[[str], None]]:
        notes: list[str] = []
        began = time.monotonic()
        with self._spinner(words):
            yield notes.append
        print(f"{time.monotonic() - self.started:6.1f} s  {words}  ({time.monotonic() - began:.1f} s)", flush=True)
        for note in notes:
            for line in note.rstrip().splitlines():
                print(f"          | {line}", flush=True)

    @contextlib.contextmanager
    def _spinner(self, words: str) -> Iterator[None]:
        if not self._terminal:
            yield
            return
        from rich.console import Console

        with Console().status(words):
            yield


class Demo:
    """The conversation with one cloud."""

    def __init__(self, data: Path, openstack: str, listen: str, image: Path) -> None:
        self.data, self.openstack, self.listen, self.image = data, openstack, listen, image
        self.again = (data / "cloud.json").exists()
        self.steps = Steps()
        self.work = Path(tempfile.mkdtemp(prefix="kilonova-demo-"))

    def kilonova(self, *arguments: str, check: bool = True) -> str:
        return _run([str(KILONOVA), *arguments], check=check, env={**os.environ, "COLUMNS": "150"})

    def client(self, *arguments: str) -> str:
        """The real client, as the user ``demo``."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
        environment |= {"OS_CLIENT_CONFIG_FILE": str(self.data / "clouds.yaml"), "OS_CLOUD": "kilonova-demo"}
        return _run([self.openstack, *arguments], env=environment)

    def shown(self, *arguments: str) -> str:
        """Run a client command as a step of its own, and show what it answered."""
        with self.steps.step("openstack " + " ".join(arguments)) as note:
            answer = self.client(*arguments)
            note(answer)
        return answer

    def server(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.client("server", "show", SERVER, "-f", "json"))
        return found

    def inside(self, command: str) -> str:
        """Run a command inside the guest, over SSH with the key pair."""
        return self.kilonova("ssh", "--data", str(self.data), "--identity", str(self.work / KEY), SERVER, "--", command)

    def fault(self) -> str:
        """Why the server failed, where there is one and it says so."""
        with contextlib.suppress(DemoFailed):
            return str((self.server().get("fault") or {}).get("message", ""))
        return ""

    # --- the conversation

    def look_at_machine(self) -> None:
        """Whatever is missing is said now, with the line that mends it, and not by the first server."""
        with self.steps.step("kilonova doctor"):
            self.kilonova("doctor", "--no-probe", "--data", str(self.data))

    def up(self) -> None:
        with self.steps.step("kilonova up") as note:
            note(
                self.kilonova(
                    "up", "--detach", "--data", str(self.data), "--listen", self.listen, "--image", str(self.image)
                )
            )

    def look_around(self) -> None:
        with self.steps.step("openstack token issue") as note:
            issued = json.loads(self.client("token", "issue", "-f", "json"))
            note(f"a token of project {issued['project_id']} that expires at {issued['expires']}")
        for words in ("image list", "flavor list", "network list"):
            self.shown(*words.split())

    def clear_up(self) -> None:
        """Remove what an earlier demo on this very cloud left, where it did not end well."""
        for command in (("server", "delete", "--wait", SERVER), ("keypair", "delete", KEY)):
            with contextlib.suppress(DemoFailed):
                self.client(*command)

    def create(self) -> None:
        if self.again:
            self.clear_up()
        with self.steps.step("openstack keypair create") as note:
            private = self.client("keypair", "create", KEY)
            path = self.work / KEY
            path.touch(mode=0o600)
            path.write_text(private)
            note(f"the private key is in {path}")
        with self.steps.step("openstack security group rule create --protocol tcp --dst-port 22 default") as note:
            try:
                self.client("security", "group", "rule", "create", "--protocol", "tcp", "--dst-port", "22", "default")
            except DemoFailed as failure:
                if "already exists" not in str(failure):
                    raise
            note("without it the default security group lets nobody in")
        with self.steps.step("openstack server create --image tiny --flavor m1.tiny --network private --wait"):
            self.client(
                *("server", "create", "--image", "tiny", "--flavor", "m1.tiny", "--network", "private"),
                *("--key-name", KEY, "--config-drive", "true", "--property", "greeting=hello", "--wait", SERVER),
            )
        self.shown("server", "list")

    def wait_for_guest(self, boots: int = 1) -> None:
        """Read the console until the guest has said as often that it is ready."""
        with self.steps.step("openstack console log show, until the guest is ready") as note:
            give_up = time.monotonic() + 300
            while (log := self.client("console", "log", "show", SERVER)).count(READY_LINE) < boots:
                if time.monotonic() > give_up:
                    raise DemoFailed(f"the guest never said {READY_LINE!r}:\n{log[-2000:]}")
                time.sleep(0.5)
            note("\n".join(line for line in log.splitlines() if READY_LINE in line)[-400:])

    def look_inside(self) -> None:
        with self.steps.step("a command inside the guest, over SSH") as note:
            answer = self.inside("uname -a; uptime")
            note(answer)
        expected = self.server()["id"]
        with self.steps.step("the metadata service, seen from inside") as note:
            seen = json.loads(self.inside("wget -q -O - http://169.254.169.254/openstack/latest/meta_data.json"))
            if seen["uuid"] != expected or seen["meta"].get("greeting") != "hello":
                raise DemoFailed(f"the metadata service tells something else: {seen}")
            note(f"uuid {seen['uuid']}, name {seen['name']}, meta {seen['meta']}")
        with self.steps.step("the config drive, seen from inside") as note:
            mount = "mkdir -p /mnt && mount -o ro $(findfs LABEL=config-2 || blkid -L config-2) /mnt; "
            seen = json.loads(self.inside(mount + "cat /mnt/openstack/latest/meta_data.json; umount /mnt"))
            if seen["uuid"] != expected:
                raise DemoFailed(f"the config drive tells something else: {seen}")
            note(f"uuid {seen['uuid']}, hostname {seen['hostname']}")

    def act(self) -> None:
        for verb, status in (("stop", "SHUTOFF"), ("start", "ACTIVE")):
            with self.steps.step(f"openstack server {verb}"):
                self.client("server", verb, SERVER)
                self._wait_for_status(status)
        self.wait_for_guest(boots=2)
        with self.steps.step("openstack server reboot --wait"):
            self.client("server", "reboot", "--wait", SERVER)
        self.wait_for_guest(boots=3)

    def _wait_for_status(self, wanted: str) -> None:
        give_up = time.monotonic() + 180
        while (status := self.server()["status"]) != wanted:
            if time.monotonic() > give_up or status == "ERROR":
                raise DemoFailed(f"the server is {status}, not {wanted}")
            time.sleep(0.3)

    def delete(self) -> None:
        with self.steps.step("openstack server delete --wait"):
            self.client("server", "delete", "--wait", SERVER)
        with self.steps.step("openstack keypair delete"):
            self.client("keypair", "delete", KEY)

    def down(self) -> None:
        with self.steps.step("kilonova down"):
            self.kilonova("down", "--data", str(self.data))


def _run(command: list[str], *, check: bool = True, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    if check and done.returncode != 0:
        raise DemoFailed(f"{' '.join(command)}\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/demo", description="From nothing to a real virtual machine.")
    parser.add_argument("--keep", action="store_true", help="leave the cloud running")
    parser.add_argument("--data", type=Path, help="the cloud's folder (a new one, removed at the end, if not given)")
    parser.add_argument("--listen", default="127.0.0.1:8774", help="where it answers (default: %(default)s)")
    parser.add_argument("--image", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--openstack", required=True, help=argparse.SUPPRESS)
    return parser.parse_args()


def _what_next(demo: Demo, kept: bool) -> str:
    if not kept:
        return "That was a real virtual machine. Next: bin/demo --keep leaves the cloud running; bin/test tests it."
    return (
        f"The cloud is running. Next:\n"
        f"    export OS_CLIENT_CONFIG_FILE={demo.data}/clouds.yaml OS_CLOUD=kilonova-demo\n"
        f"    {demo.openstack} server create --image tiny --flavor m1.tiny --network private --wait mine\n"
        f"    {KILONOVA} status --data {demo.data}\n"
        f"    {KILONOVA} down --data {demo.data}"
    )


def main() -> int:
    given = _arguments()
    data = given.data or Path(tempfile.mkdtemp(prefix="kilonova-cloud-"))
    demo = Demo(data, given.openstack, given.listen, given.image)
    finished = False
    try:
        for part in (
            demo.look_at_machine,
            demo.up,
            demo.look_around,
            demo.create,
            demo.wait_for_guest,
            demo.look_inside,
            demo.act,
            demo.delete,
        ):
            part()
        if not given.keep:
            demo.down()
        finished = True
        print(_what_next(demo, given.keep))
        return 0
    except DemoFailed as failure:
        print(f"\nThe demo failed: {failure}", file=sys.stderr)
        if (data / "logs").exists():
            print("\n".join(filter(None, (demo.fault(), f"The cloud's logs are in {data}/logs"))), file=sys.stderr)
        return 1
    finally:
        if not given.keep or not finished:
            demo.kilonova("down", "--data", str(data), check=False)
        shutil.rmtree(demo.work, ignore_errors=True)
        unused = not (data / "logs").exists()
        if given.data is None and (unused or (finished and not given.keep)):
            shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
