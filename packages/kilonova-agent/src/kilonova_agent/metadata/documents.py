"""The OpenStack metadata documents. Pure but for the random seed, so service and config drive show the same.

Sources: Nova user documentation, "Metadata" and "Config drives"; ``network_data.json`` by Nova's JSON schema of it.
"""

from __future__ import annotations

import base64
import ipaddress
import os
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from kilonova_messages.wishes import FixedIp, GuestMetadata, PortWiring, WiredSubnet

from kilonova_agent.metadata import ec2

FOLSOM, GRIZZLY, HAVANA, LIBERTY = "2012-08-10", "2013-04-04", "2013-10-17", "2015-10-15"
NEWTON_ONE, NEWTON_TWO, OCATA, ROCKY, VICTORIA = "2016-06-30", "2016-10-06", "2017-02-22", "2018-08-27", "2020-10-14"
VERSIONS = (FOLSOM, GRIZZLY, HAVANA, LIBERTY, NEWTON_ONE, NEWTON_TWO, OCATA, ROCKY, VICTORIA)
LATEST = "latest"
_SEED_BYTES = 512
Json = dict[str, Any]


def openstack_documents(
    metadata: GuestMetadata,
    ports: Sequence[PortWiring] = (),
    *,
    with_password: bool = False,
    seed: bytes | None = None,
) -> dict[str, bytes]:
    """Path -> content, for every version and ``latest``: ``openstack/2012-08-10/meta_data.json`` and so on.

    ``with_password`` shows the administrator's password: on the config drive, never by the service, whose network any
    program in the guest may use.
    """
    seed = os.urandom(_SEED_BYTES) if seed is None else seed
    shown = metadata if with_password else msgspec.structs.replace(metadata, admin_password="")
    network = network_data(ports)
    documents: dict[str, bytes] = {}
    for version in (*VERSIONS, LATEST):
        for name, content in _of_version(shown, network, VERSIONS[-1] if version == LATEST else version, seed).items():
            documents[f"openstack/{version}/{name}"] = content
    return documents


def config_drive_documents(metadata: GuestMetadata, ports: Sequence[PortWiring] = ()) -> dict[str, bytes]:
    """Everything a config drive holds: the OpenStack documents and the EC2 ones in their config drive form."""
    documents = openstack_documents(metadata, ports, with_password=True)
    local = next((fixed.ip_address for port in ports for fixed in port.fixed_ips if ":" not in fixed.ip_address), "")
    for version in (ec2.VERSIONS[-1], LATEST):
        tree = ec2.tree(metadata, local, ec2.VERSIONS[-1])
        documents[f"ec2/{version}/meta-data.json"] = _json(tree["meta-data"])
        if metadata.user_data:
            documents[f"ec2/{version}/user-data"] = metadata.user_data
    return documents


def _of_version(metadata: GuestMetadata, network: Json | None, version: str, seed: bytes) -> dict[str, bytes]:
    files = {"meta_data.json": _json(meta_data(metadata, version, seed))}
    if metadata.user_data:
        files["user_data"] = metadata.user_data
    if version >= HAVANA:
        files["vendor_data.json"] = b"{}"
    if version >= LIBERTY and network is not None:
        files["network_data.json"] = _json(network)
    if version >= NEWTON_TWO:
        files["vendor_data2.json"] = b"{}"
    return files


def meta_data(metadata: GuestMetadata, version: str, seed: bytes) -> Json:
    """``meta_data.json`` as that version had it."""
    document: Json = {"uuid": metadata.server_id}
    if metadata.meta:
        document["meta"] = metadata.meta
    if metadata.admin_password:
        document["admin_pass"] = metadata.admin_password
    if metadata.public_keys:
        document["public_keys"] = metadata.public_keys
        if version >= HAVANA:
            document["keys"] = [_key(name, data) for name, data in metadata.public_keys.items()]
    document["hostname"] = metadata.hostname
    document["name"] = metadata.name
    document["launch_index"] = metadata.launch_index
    document["availability_zone"] = metadata.availability_zone
    if version >= GRIZZLY:
        document["random_seed"] = base64.b64encode(seed).decode()
    if version >= LIBERTY:
        document["project_id"] = metadata.project_id
    if version >= NEWTON_ONE:
        document["devices"] = []
    if version >= VICTORIA:
        document["dedicated_cpus"] = []
    return document


def _key(name: str, data: str) -> Json:
    kind = "x509" if "BEGIN CERTIFICATE" in data else "ssh"
    return {"name": name, "type": kind, "data": data}


def network_data(ports: Sequence[PortWiring]) -> Json | None:
    """``network_data.json``; None without an address, since guests take empty lists for "no network at all"."""
    links: list[Json] = []
    networks: list[Json] = []
    services: dict[str, None] = {}
    for port in ports:
        subnets = {subnet.subnet_id: subnet for subnet in port.subnets}
        addressed = [(fixed, subnets[fixed.subnet_id]) for fixed in port.fixed_ips if fixed.subnet_id in subnets]
        if not addressed:
            continue
        link = f"tap{port.port_id[:11]}"
        links.append(_link(port, link))
        for fixed, subnet in addressed:
            networks.append({"id": f"network{len(networks)}", "link": link, **_network(port, fixed, subnet)})
            services.update(dict.fromkeys(subnet.dns_nameservers))
    if not networks:
        return None
    return {
        "links": links,
        "networks": networks,
        "services": [{"type": "dns", "address": address} for address in services],
    }


def _link(port: PortWiring, name: str) -> Json:
    return {
        "id": name,
        "vif_id": port.port_id,
        "type": "phy",
        "mtu": port.mtu,
        "ethernet_mac_address": port.mac.lower(),
    }


def _network(port: PortWiring, fixed: FixedIp, subnet: WiredSubnet) -> Json:
    if subnet.ip_version == 4 and subnet.enable_dhcp:
        return {"type": "ipv4_dhcp", "network_id": port.network_id}
    # IPv6 addresses are told here only: nothing on the wire advertises them.
    netmask = str(ipaddress.ip_network(subnet.cidr, strict=False).netmask)
    return {
        "type": f"ipv{subnet.ip_version}",
        "network_id": port.network_id,
        "ip_address": fixed.ip_address,
        "netmask": netmask,
        "routes": _routes(subnet),
        "services": [{"type": "dns", "address": address} for address in subnet.dns_nameservers],
    }


def _routes(subnet: WiredSubnet) -> list[Mapping[str, str]]:
    default = "::/0" if subnet.ip_version == 6 else "0.0.0.0/0"
    pairs = [(default, subnet.gateway_ip)] if subnet.gateway_ip else []
    pairs += [(route.destination, route.nexthop) for route in subnet.host_routes]
    networks = [(ipaddress.ip_network(destination, strict=False), gateway) for destination, gateway in pairs]
    return [
        {"network": str(network.network_address), "netmask": str(network.netmask), "gateway": gateway}
        for network, gateway in networks
    ]


def _json(value: Any) -> bytes:
    return msgspec.json.encode(value)
