"""Open tap devices, then become another program that has them: run between the launcher and QEMU.

    python -I -S open_taps.py DESCRIPTOR:TAP... -- PROGRAM ARGUMENT...

It runs where the launcher put it (the network namespace of the taps) and still has the rights to open them; the
program after it needs none, not even to ``/dev/net/tun``. Imports nothing of ours, so that it starts quickly.
"""

import fcntl
import os
import socket
import struct
import sys

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000


def open_tap(name: str, descriptor: int) -> None:
    """Open an existing tap as this very descriptor. Raises OSError."""
    # Without this look, a name that is not there would be made: a new device, wired to nothing.
    socket.if_nametoindex(name)
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    request = struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR)
    fcntl.ioctl(device, TUNSETIFF, request)
    os.dup2(device, descriptor, inheritable=True)


def main(words: list[str]) -> None:
    end = words.index("--")
    for word in words[:end]:
        descriptor, _, name = word.partition(":")
        try:
            open_tap(name, int(descriptor))
        except OSError as error:
            sys.exit(f"tap device {name} cannot be opened: {error.strerror}")
    os.execv(words[end + 1], words[end + 1 :])  # noqa: S606 - to become the program is the purpose


if __name__ == "__main__":
    main(sys.argv[1:])
