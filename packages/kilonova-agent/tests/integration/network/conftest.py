"""A host network on this very machine, as root and in a user namespace, with stand-ins for guests."""

import asyncio
import contextlib
import json
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from kilonova_agent.network.host_network import HostNetwork
from kilonova_agent.network.names import names_of
from kilonova_messages.wishes import FirewallRule, FixedIp, GuestMetadata, PortWiring, WiredSubnet

HERE = Path(__file__).parent
SUBNET = WiredSubnet(subnet_id="subnet-1", cidr="10.77.0.0/24", gateway_ip="10.77.0.1", dns_nameservers=("192.0.2.53",))
EGRESS = FirewallRule(direction="egress")
SSH = FirewallRule(direction="ingress", protocol="tcp", port_min=22, port_max=22)

LISTEN = """
import socket, sys
server = socket.create_server(("", int(sys.argv[1])), family=getattr(socket, sys.argv[2]))
print("listening", flush=True)
while sys.argv[3] == "hello":
    client, _ = server.accept()
    client.sendall(b"hello"); client.close()
client, _ = server.accept()
while heard := client.recv(100):
    client.sendall(heard)
"""
TALK = """
import socket, sys
client = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=2)
print("ready", flush=True)
for line in sys.stdin:
    try:
        client.sendall(line.strip().encode())
        print(client.recv(100).decode(), flush=True)
    except OSError as error:
        print(type(error).__name__, flush=True)
"""
CONNECT = """
import socket, sys
try:
    client = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3]))
    print(client.recv(5).decode())
except OSError as error:
    print(type(error).__name__)
"""


def port(number, network="net-1", **more):
    """A port with address 10.77.0.10+number."""
    wish = {
        "port_id": f"{network}-port-{number}",
        "network_id": network,
        "mac": f"fa:16:3e:00:00:{number:02x}",
        "hostname": f"guest-{number}",
        "fixed_ips": (FixedIp(subnet_id=SUBNET.subnet_id, ip_address=f"10.77.0.{10 + number}"),),
        "subnets": (SUBNET,),
        "rules": (EGRESS,),
        "routed": True,
    }
    return PortWiring(**{**wish, **more})


HEAR = """
import socket, sys
ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
ear.bind(("", int(sys.argv[1])))
ear.settimeout(float(sys.argv[2]))
print("listening", flush=True)
try:
    print(ear.recv(100).decode(), flush=True)
except OSError as error:
    print(type(error).__name__, flush=True)
"""
SEND = """
import socket, sys
mouth = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
mouth.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
mouth.bind(("", int(sys.argv[3])))
mouth.sendto(b"word", (sys.argv[1], int(sys.argv[2])))
"""
FLOOD = """
import socket, sys
mouth = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
mouth.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
mouth.bind((sys.argv[1], 0))
print("ready", flush=True)
while True:
    try:
        mouth.sendto(b"word", (sys.argv[2], int(sys.argv[3])))
    except OSError:
        pass
"""


def send(address, number, source=0):
    return (sys.executable, "-c", SEND, address, str(number), str(source))


class Talk:
    """One connection, kept open."""

    def __init__(self, child):
        self._child = child

    def say(self, word):
        self._child.stdin.write(f"{word}\n")
        self._child.stdin.flush()
        return self._child.stdout.readline().strip()


class Guest:
    """A stand-in for a guest, on the tap of a port."""

    def __init__(self, network, wiring, tap):
        self._launcher = network.launcher()
        self.wiring = wiring
        self._others = []
        self._relay = self._start(self._launcher, [str(HERE / "stand_in.py"), tap, wiring.mac])

    def _start(self, prefix, arguments):
        pipe = subprocess.PIPE
        child = subprocess.Popen([*prefix, sys.executable, *arguments], stdin=pipe, stdout=pipe, text=True)
        assert child.stdout.readline().strip() in ("ready", "listening")
        self._others.append(child)
        return child

    @property
    def inside(self):
        return (*self._launcher, "nsenter", f"--net=/proc/{self._relay.pid}/ns/net", "--")

    def run(self, *command):
        done = subprocess.run([*self.inside, *command], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def lease(self):
        return json.loads(self.run(sys.executable, str(HERE / "dhcp_client.py"), self.wiring.mac))

    def set_up(self, address=None):
        """Take the address as DHCP would have given it."""
        address = address or self.wiring.fixed_ips[0].ip_address
        self.run("ip", "addr", "flush", "dev", "eth0", "scope", "global")
        self.run("ip", "addr", "add", f"{address}/24", "dev", "eth0")
        self.run("ip", "route", "replace", "default", "via", SUBNET.gateway_ip)

    def listen(self, number, family="AF_INET", talk="hello"):
        self._start(self.inside, ["-c", LISTEN, str(number), family, talk])

    def talk(self, address, number):
        return Talk(self._start(self.inside, ["-c", TALK, address, str(number)]))

    def hears(self, number, speak, patience=1.0):
        """What arrives by UDP at that port once ``speak`` was called."""
        child = self._start(self.inside, ["-c", HEAR, str(number), str(patience)])
        speak()
        return child.stdout.readline().strip()

    def flood(self, source, address, number):
        """Send there from an address, as often as it goes, until the end."""
        self._start(self.inside, ["-c", FLOOD, source, address, str(number)])

    def reaches(self, address, number, patience=0.7):
        """What a connection says: "hello", or how it failed. The firewall refuses by silence, which takes patience."""
        return connect(self.inside, address, number, patience)

    def end(self):
        for child in reversed(self._others):
            child.kill()
            child.wait()
            child.stdout.close()
            child.stdin.close()


def connect(prefix, address, number, patience=5.0):
    command = [*prefix, sys.executable, "-c", CONNECT, address, str(number), str(patience)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def listening(prefix, number):
    """A service in another namespace that says hello."""
    command = [*prefix, sys.executable, "-c", LISTEN, str(number), "AF_INET", "hello"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout.readline().strip() == "listening"
            yield
        finally:
            child.kill()


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def machine_state(tag, directory):
    """What this machine has, line by line, without what other agents' names stand in."""
    commands = (
        "ip -o link show | cut -d' ' -f2",
        "ip route show table all",
        "ip netns list",
        "nft list tables",
        "ls /run",
        f"pgrep -a dnsmasq | grep -e {tag} -e {directory}",
        "nft list tables | grep -q kilonova_ || sed s/^/forwarding=/ /proc/sys/net/ipv4/ip_forward",
    )
    lines = []
    for command in commands:
        lines += subprocess.run(command, shell=True, capture_output=True, text=True, check=False).stdout.splitlines()
    foreign = re.compile(rf"kn-(?!{tag})[0-9a-f]{{8}}|knu(?!{tag[:4]})|kilonova_(?!{tag})|proto 75")
    own = re.compile(rf"kn-{tag}|knu{tag[:4]}|kilonova_{tag}|{directory}")
    return MachineState(line for line in lines if own.search(line) or not foreign.search(line))


class MachineState:
    """Lines to compare. Whether the machine forwards can be judged only while no other agent was or is there."""

    def __init__(self, lines):
        self.lines = sorted(lines)

    def _judged(self):
        return any(line.startswith("forwarding=") for line in self.lines)

    def __eq__(self, other):
        if self._judged() and other._judged():
            return self.lines == other.lines
        return self._without() == other._without()

    __hash__ = None

    def _without(self):
        return [line for line in self.lines if not line.startswith("forwarding=")]

    def __repr__(self):
        return repr(self.lines)


def needs(*tools):
    return [tool for tool in tools if shutil.which(tool) is None]


@pytest.fixture(params=["root", "enclosed"])
def enclosed(request):
    if missing := needs("ip", "nft", "dnsmasq", "nsenter", "unshare"):
        pytest.skip(f"needs {missing}")
    if request.param == "root" and os.geteuid() != 0:
        pytest.skip("needs root")
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        pytest.skip("needs /dev/net/tun")
    return request.param == "enclosed"


@pytest.fixture
async def make_network(tmp_path, enclosed):
    """Makes host networks over the same directory, as agents that follow each other do; all is torn down at the end."""
    made = []

    async def make():
        network = HostNetwork(
            data_dir=tmp_path,
            host_id="host-1",
            metadata_socket=tmp_path / "metadata.sock",
            run_as=(65534, 65534),
            logger=logging.getLogger("test.network"),
            enclosed=enclosed,
        )
        await network.start()
        made.append(network)
        return network

    yield make
    if made:
        for network in made[:-1]:
            await network.close()
        await made[-1].tear_down()


@pytest.fixture
async def network(make_network):
    return await make_network()


@pytest.fixture
def tag(tmp_path):
    return names_of(tmp_path, "host-1").tag


@pytest.fixture
async def boot(network):
    """Wires a port and puts a guest's stand-in on it."""
    guests = []

    async def start(wiring):
        tap = await network.ensure_port(f"guest-of-{wiring.port_id}", wiring)
        guest = await asyncio.to_thread(Guest, network, wiring, tap)
        guests.append(guest)
        return guest

    yield start
    for guest in guests:
        guest.end()


@pytest.fixture
def metadata():
    return GuestMetadata(server_id="5d7d3e3c-0000-4000-8000-000000000001", name="one", hostname="one", project_id="p1")
