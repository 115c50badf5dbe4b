"""Asks for an address as a guest does, on eth0; prints the offer as JSON: address and options by number (hex)."""

import json
import os
import socket
import struct
import sys

SECONDS = 10


def message(kind, mac, transaction, extra=b""):
    head = struct.pack("!BBBB4sHH16s16s", 1, 1, 6, 0, transaction, 0, 0x8000, b"", mac)
    options = b"\x63\x82\x53\x63" + bytes([53, 1, kind]) + extra + bytes([55, 6, 1, 3, 6, 26, 121, 12]) + b"\xff"
    return head + b"\0" * 192 + options


def options_of(data):
    found, at = {}, 240
    while at < len(data) and data[at] != 255:
        if data[at] == 0:
            at += 1
            continue
        found[data[at]] = data[at + 2 : at + 2 + data[at + 1]]
        at += 2 + data[at + 1]
    return found


def main():
    mac = bytes.fromhex(sys.argv[1].replace(":", ""))
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    client.setsockopt(socket.SOL_SOCKET, 25, b"eth0")
    client.bind(("", 68))
    client.settimeout(SECONDS)
    transaction = os.urandom(4)
    client.sendto(message(1, mac, transaction), ("255.255.255.255", 67))
    offer = client.recv(2048)
    server, address = options_of(offer)[54], offer[16:20]
    wanted = bytes([50, 4]) + address + bytes([54, 4]) + server
    client.sendto(message(3, mac, transaction, wanted), ("255.255.255.255", 67))
    acknowledged = client.recv(2048)
    options = options_of(acknowledged)
    found = {str(key): value.hex() for key, value in options.items()}
    json.dump({"address": socket.inet_ntoa(acknowledged[16:20]), "kind": options[53][0], "options": found}, sys.stdout)


main()
