"""Kill everything again and again under load, then look for what is left.

    python tests/chaos/chaos.py --seconds 60 --servers 300 --seed 7 --runs 5 --qemu 1

A run: a cloud with simulated hosts in two cells (and ``--qemu`` hosts with real guests), users who create, stop, start,
reboot and delete, a killer with signal 9. Then peace: everything must come to rest in a state that the API can explain,
and when all servers are deleted, nothing of them may be left anywhere. Exit status 1 when something is.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

if __name__ == "__main__":  # started as a script: the tests' own packages are beside our folder, not in it
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from chaos.killing import Killer
from chaos.leftovers import all_servers, living, problems, rest
from chaos.users import Budget, User
from cloud.client import access_of
from cloud.joined import JoinedHost
from cloud.simulated import SimulatedCloud
from cloud.waiting import WaitedInVain, wait_until


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What one run does. ``seconds`` of killing, at least; ``kill_every`` is the mean pause between two kills."""

    seconds: float = 60.0
    servers: int = 300
    seed: int = 1
    users: int = 6
    hosts: int = 6
    cells: int = 2
    qemu: int = 0
    kill_every: float = 1.0
    settle: float = 240.0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What was done, and what is wrong: nothing, one hopes."""

    plan: Plan
    deeds: dict[str, int]
    kills: dict[str, int]
    states: dict[str, int]
    problems: list[str]
    seconds: float

    def words(self) -> str:
        lines = [f"seed {self.plan.seed}: {self.seconds:.0f} s, {sum(self.kills.values())} kills"]
        for name, counts in (("kills", self.kills), ("deeds", self.deeds), ("states at rest", self.states)):
            lines.append(f"  {name}: " + ", ".join(f"{count} {what}" for what, count in sorted(counts.items())))
        lines += [f"  PROBLEM {one}" for one in self.problems] or ["  nothing is left over"]
        return "\n".join(lines)


def run(plan: Plan, root: Path) -> Outcome:
    """One run in a folder of its own; every process that it started is gone when it returns."""
    began = time.monotonic()
    image = Path(os.environ["KILONOVA_GUEST_IMAGE"]) if plan.qemu else None
    with ExitStack() as stack:
        cloud = stack.enter_context(
            SimulatedCloud(
                root, hosts=plan.hosts, cells=plan.cells, driver_options={"boot_seconds": "0.15"}, image=image
            )
        )
        joined = [_qemu_host(cloud, number, stack) for number in range(plan.qemu)]
        users, killer = _storm(cloud, joined, plan)
        found = [f"the killer gave up: {killer.trouble}"] if killer.trouble else []
        states, left = _peace(cloud, joined, plan)
        deeds = sum((user.counts for user in users), Counter[str]())
    return Outcome(
        plan=plan, deeds=dict(deeds), kills=dict(killer.kills), states=states, problems=found + left,
        seconds=time.monotonic() - began,
    )  # fmt: skip


def _qemu_host(cloud: SimulatedCloud, number: int, stack: ExitStack) -> JoinedHost:
    host = JoinedHost(cloud, f"qemu{number + 1}", cell=f"cell{number % cloud.cells + 1}", driver="qemu")
    host.join()
    host.start()
    stack.callback(host.end, 10)  # SIGUSR1: guests and network go with it
    host.wait_in()
    return host


def _storm(cloud: SimulatedCloud, joined: list[JoinedHost], plan: Plan) -> tuple[list[User], Killer]:
    """Users and killer at work, until the time is over and all servers have been asked for."""
    over, budget = threading.Event(), Budget(plan.servers)
    demo = access_of(cloud.folder.root, "kilonova-demo", url=cloud.url)
    admin = access_of(cloud.folder.root, "kilonova-admin", url=cloud.url)
    users = [User(demo, number, plan.seed, budget, over) for number in range(plan.users)]
    for number, host in enumerate(joined):
        users.append(User(admin, plan.users + number, plan.seed, Budget(10), over, host=host.name))
    killer = Killer(cloud, joined, plan.seed, over, plan.kill_every)
    threads = [threading.Thread(target=one.run, daemon=True) for one in (killer, *users)]
    for thread in threads:
        thread.start()
    ends, gives_up = time.monotonic() + plan.seconds, time.monotonic() + 10 * plan.seconds
    while threads[0].is_alive() and time.monotonic() < (gives_up if budget.left > 0 else ends):
        threads[0].join(0.1)
    over.set()
    for thread in threads:
        thread.join(300)
    return users, killer


def _peace(cloud: SimulatedCloud, joined: list[JoinedHost], plan: Plan) -> tuple[dict[str, int], list[str]]:
    """Wait for rest and look; delete everything, and look again."""
    cloud.wait_ready()
    found = [trouble] if (trouble := rest(cloud, plan.settle)) else problems(cloud, joined)
    servers = all_servers(cloud)
    states = Counter(str(server.get("vm_state", "building")) for server in servers.values())
    if found:
        return dict(states), found
    for server in servers.values():
        if server.get("vm_state") != "deleted":
            cloud.admin.delete(server["id"])
    found = [trouble] if (trouble := rest(cloud, plan.settle)) else problems(cloud, joined)
    if remaining := living(all_servers(cloud)):
        found.append(f"{len(remaining)} servers were not deleted")
    try:
        wait_until("held claims to expire", lambda: not cloud.claims_of(), within=90.0)
    except WaitedInVain as vain:
        found.append(str(vain))
    return dict(states), found


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="just chaos", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="of killing (default: %(default)s)")
    parser.add_argument("--servers", type=int, default=300, help="asked for in one run (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="of the first run; the next ones count up (default: by chance)")
    parser.add_argument("--runs", type=int, default=1, help="one after the other (default: %(default)s)")
    parser.add_argument("--qemu", type=int, default=0, metavar="HOSTS", help="hosts with real guests (needs root)")
    parser.add_argument("--kill-every", type=float, default=1.0, help="mean seconds between kills")
    parser.add_argument("--keep", action="store_true", help="keep the folders of the runs")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    given = _arguments(words)
    first = given.seed if given.seed is not None else random.SystemRandom().randrange(1_000_000)
    clean = 0
    for seed in range(first, first + given.runs):
        plan = Plan(
            seconds=given.seconds, servers=given.servers, seed=seed, qemu=given.qemu, kill_every=given.kill_every
        )
        root = Path(tempfile.mkdtemp(prefix="kn-chaos-"))
        root.chmod(0o711)
        outcome = run(plan, root)
        print(outcome.words(), flush=True)
        clean += not outcome.problems
        if given.keep:
            print(f"  kept: {root}", flush=True)
        else:
            shutil.rmtree(root, ignore_errors=True)
    print(f"{clean} of {given.runs} runs ended clean", flush=True)
    return 0 if clean == given.runs else 1


if __name__ == "__main__":
    sys.exit(main())
