"""Plays a guest without a hypervisor: holds a tap as QEMU would, and shows its frames to a namespace of its own.

Run in the hub namespace as ``python stand_in.py TAP MAC``. Prints "ready" when eth0 in the new namespace is up.
"""

import ctypes
import fcntl
import os
import select
import struct
import subprocess
import sys


def open_tap(name):
    descriptor = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(descriptor, 0x400454CA, struct.pack("16sH22x", name.encode(), 0x1002))
    return descriptor


def main(tap, mac):
    outer = open_tap(tap)
    if ctypes.CDLL(None).unshare(0x40000000):
        raise OSError("unshare")
    inner = open_tap("eth0")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "link", "set", "eth0", "address", mac, "up"], check=True)
    print("ready", flush=True)
    peers = {outer: inner, inner: outer}
    while True:
        for source in select.select([outer, inner], [], [])[0]:
            os.write(peers[source], os.read(source, 65536))


main(*sys.argv[1:])
