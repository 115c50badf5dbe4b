"""Ports: an address and a MAC on a network, for a device.

A port is DOWN until it is bound: it is ACTIVE while it is administratively up and has a ``binding:host_id``, since the
host named there wires it at once and reports its own failures to compute. ``vif_type`` is then ``bridge``.
"""

from __future__ import annotations

from collections.abc import Iterable

from kilonova_neighbours.network.app import quotas, security_groups
from kilonova_neighbours.network.app.addressing import choose_addresses
from kilonova_neighbours.network.app.work import Work, check_revision, require, require_seen, standard
from kilonova_neighbours.network.model.addresses import random_mac
from kilonova_neighbours.network.model.records import ROUTER_GATEWAY, ROUTER_INTERFACE, ListQuery, Record
from kilonova_neighbours.network.model.refusals import conflict, disallowed, mac_in_use, not_found
from kilonova_neighbours.network.store import networks, ports, records, routers
from kilonova_neighbours.network.store import security_groups as stored_groups
from kilonova_neighbours.network.store.kinds import NETWORK, PORT

#: What only admins and services may set, and what the network's owner may as well (neutron/conf/policies/port.py).
_TRUSTED = ("binding:host_id", "binding:profile")
_ROUTERS = (ROUTER_GATEWAY, ROUTER_INTERFACE)
_NETWORK_OWNER = ("mac_address", "port_security_enabled", "allowed_address_pairs")


def create(work: Work, body: Record) -> Record:
    network = _network_for_port(work, body["network_id"])
    _check_create_policy(work, network, body)
    default_group = security_groups.ensure_default(work, body["project_id"])
    quotas.take(work, "port", body["project_id"])
    port = standard(work, body)
    port["mac_address"] = _mac(work, port)
    if port.get("port_security_enabled") is None:
        port["port_security_enabled"] = network["port_security_enabled"]
    if port.get("security_groups") is None:
        port["security_groups"] = [default_group] if _takes_default_group(port) else []
    else:
        _check_groups(work, port["security_groups"], port["project_id"])
    _check_port_security(port)
    port["fixed_ips"] = choose_addresses(work, {**port, "fixed_ips": []}, body.get("fixed_ips"))
    port["allowed_address_pairs"] = _pairs_with_macs(port["allowed_address_pairs"], port["mac_address"])
    port.update(binding(port))
    ports.add_port(work.tx, port)
    return port


def _network_for_port(work: Work, network_id: str) -> Record:
    network = require(work, NETWORK, network_id)
    if not networks.may_see(work.tx, network, work.actor):
        raise not_found("network", network_id)
    return network


def _check_create_policy(work: Work, network: Record, body: Record) -> None:
    """A member makes ports on own and shared networks; who does not own the network chooses less."""
    if work.actor.is_trusted:
        return
    _refuse(work, "create_port", {name for name in _TRUSTED if body.get(name)})
    if work.actor.owns(network):
        return
    shared = network["shared"] or networks.shared_with(work.tx, [network["id"]], work.actor.project_id)
    if not shared:
        raise disallowed("create_port")
    _refuse(work, "create_port", {name for name in _NETWORK_OWNER if body.get(name) not in (None, [])})
    if body.get("device_owner", "").startswith("network:"):
        raise disallowed("create_port", "create_port:device_owner")
    if any("ip_address" in fixed for fixed in body.get("fixed_ips") or ()):
        raise disallowed("create_port", "create_port:fixed_ips", "create_port:fixed_ips:ip_address")


def _refuse(work: Work, verb: str, names: Iterable[str]) -> None:
    for name in sorted(names):
        raise disallowed(verb, f"{verb}:{name}")


def _mac(work: Work, port: Record) -> str:
    """The MAC that was given, or a new one (should it be in use, the table refuses it and the request runs again)."""
    given = port.get("mac_address")
    if given is None:
        return random_mac(work.settings.mac_base)
    if ports.mac_is_taken(work.tx, port["network_id"], given):
        raise mac_in_use(port["network_id"], given)
    return str(given)


def _takes_default_group(port: Record) -> bool:
    return bool(port["port_security_enabled"]) and not port["device_owner"].startswith("network:")


def _check_groups(work: Work, wanted: list[str], project_id: str) -> None:
    """Groups of the port's own project; an admin may name any."""
    owners = stored_groups.owners_of(work.tx, wanted)
    for group_id in wanted:
        owner = owners.get(group_id)
        if owner is None or (owner != project_id and not work.actor.is_trusted):
            raise not_found("security_group", group_id)


def _check_port_security(port: Record) -> None:
    if port["port_security_enabled"]:
        return
    if port["security_groups"]:
        raise conflict(
            "PortSecurityPortHasSecurityGroup",
            "Port has security group associated. Cannot disable port security or IP address until security group "
            "is removed.",
        )
    if port["allowed_address_pairs"]:
        raise conflict(
            "AddressPairAndPortSecurityRequired",
            "Port Security must be enabled in order to have allowed address pairs on a port.",
        )


def _pairs_with_macs(pairs: list[Record], mac: str) -> list[Record]:
    return [{"mac_address": pair.get("mac_address") or mac, "ip_address": pair["ip_address"]} for pair in pairs]


def binding(port: Record) -> Record:
    """What follows from where the port is bound. A router's port is on every host, and is bound to none."""
    bound = bool(port["binding:host_id"])
    return {
        "binding:vif_type": "bridge" if bound else "unbound",
        "binding:vif_details": {"port_filter": True, "connectivity": "l2"} if bound else {},
        "status": "ACTIVE" if (bound or port["device_owner"] in _ROUTERS) and port["admin_state_up"] else "DOWN",
    }


def show(work: Work, port_id: str) -> Record:
    return require_seen(work, PORT, port_id)


def list_page(work: Work, asked: ListQuery) -> list[Record]:
    return records.list_records(work.tx, PORT, work.actor, asked)


def update(work: Work, port_id: str, changes: Record) -> Record:
    records.lock(work.tx, PORT, port_id)
    port = require_seen(work, PORT, port_id)
    network = require(work, NETWORK, port["network_id"])
    _check_update_policy(work, network, port, changes)
    check_revision(work, PORT, port)
    changes = {name: value for name, value in changes.items() if value is not None or name == "fixed_ips"}
    _check_router_port(work, port, changes)
    if "mac_address" in changes and changes["mac_address"] != port["mac_address"]:
        _check_new_mac(work, port, changes["mac_address"])
    after = {**port, **changes}
    if "security_groups" in changes:
        _check_groups(work, changes["security_groups"], port["project_id"])
    if "allowed_address_pairs" in changes:
        pairs = _pairs_with_macs(changes["allowed_address_pairs"], after["mac_address"])
        after["allowed_address_pairs"] = changes["allowed_address_pairs"] = pairs
    _check_port_security(after)
    if "fixed_ips" in changes:
        changes["fixed_ips"] = choose_addresses(work, {**after, "fixed_ips": port["fixed_ips"]}, changes["fixed_ips"])
    if "extra_dhcp_opts" in changes:
        changes["extra_dhcp_opts"] = _merged_options(port["extra_dhcp_opts"], changes["extra_dhcp_opts"])
    changes |= binding(after)
    ports.change_port(work.tx, port, changes, work.now)
    return require(work, PORT, port_id)


def _check_update_policy(work: Work, network: Record, port: Record, changes: Record) -> None:
    if work.actor.is_trusted:
        return
    if not work.actor.owns(port):
        raise disallowed("update_port")
    _refuse(work, "update_port", {name for name in (*_TRUSTED, "mac_address") if name in changes})
    if work.actor.owns(network):
        return
    _refuse(work, "update_port", {name for name in _NETWORK_OWNER if name in changes})
    if changes.get("device_owner", "").startswith("network:"):
        raise disallowed("update_port", "update_port:device_owner")
    if any("ip_address" in fixed for fixed in changes.get("fixed_ips") or ()):
        raise disallowed("update_port", "update_port:fixed_ips", "update_port:fixed_ips:ip_address")


def _check_router_port(work: Work, port: Record, changes: Record) -> None:
    """What a router's port is for says the router."""
    names = ("device_id", "device_owner")
    if any(name in changes and changes[name] != port[name] for name in names) and routers.router_of(
        work.tx, port["id"]
    ):
        raise conflict(
            "PortInUse",
            f"Unable to complete operation on port {port['id']} for network {port['network_id']}. "
            f"Port already has an attached device {port['device_id']}.",
        )


def _check_new_mac(work: Work, port: Record, mac: str) -> None:
    if port["binding:host_id"] and port["device_id"]:
        raise conflict(
            "PortBound",
            f"Unable to complete operation on port {port['id']}, port is already bound, port type: "
            f"{port['binding:vif_type']}, old_mac {port['mac_address']}, new_mac {mac}.",
        )
    if ports.mac_is_taken(work.tx, port["network_id"], mac):
        raise mac_in_use(port["network_id"], mac)


def _merged_options(present: list[Record], changes: list[Record]) -> list[Record]:
    """Options are changed one by one; one whose value is None goes (extra_dhcp_opt)."""
    merged = {(option["opt_name"], option["ip_version"]): option for option in present}
    merged.update({(option["opt_name"], option["ip_version"]): option for option in changes})
    return [option for option in merged.values() if option["opt_value"] is not None]


def delete(work: Work, port_id: str) -> None:
    records.lock(work.tx, PORT, port_id)
    port = require_seen(work, PORT, port_id)
    mine = work.actor.is_trusted or work.actor.owns(port)
    if not mine and not work.actor.owns(require(work, NETWORK, port["network_id"])):
        raise disallowed("delete_port")
    check_revision(work, PORT, port)
    if routers.router_of(work.tx, port_id) is not None:
        raise conflict(
            "ServicePortInUse",
            f"Port {port_id} cannot be deleted directly via the port API: has device owner {port['device_owner']}.",
        )
    ports.remove_port(work.tx, port_id)
