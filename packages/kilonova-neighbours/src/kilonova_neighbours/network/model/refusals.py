"""Every refusal of the network service, with Neutron's type names and words (neutron_lib/exceptions, extensions)."""

from __future__ import annotations

from collections.abc import Iterable

from kilonova_kit.errors import BadRequest, Conflict, Forbidden, NotFound, PreconditionFailed, QuotaExceeded

_NOT_FOUND: dict[str, tuple[str, str]] = {
    "network": ("NetworkNotFound", "Network {} could not be found."),
    "subnet": ("SubnetNotFound", "Subnet {} could not be found."),
    "port": ("PortNotFound", "Port {} could not be found."),
    "subnetpool": ("SubnetPoolNotFound", "Subnet pool {} could not be found."),
    "address_scope": ("AddressScopeNotFound", "Address scope {} could not be found."),
    "security_group": ("SecurityGroupNotFound", "Security group {} does not exist"),
    "security_group_rule": ("SecurityGroupRuleNotFound", "Security group rule {} does not exist"),
    "rbac_policy": ("RbacPolicyNotFound", "RBAC policy of type network with ID {} not found"),
    "router": ("RouterNotFound", "Router {} could not be found"),
    "agent": ("AgentNotFound", "Agent {} could not be found."),
    "quota": ("TenantQuotaNotFound", "Quota for tenant {} could not be found."),
}


def not_found(singular: str, wanted: str) -> NotFound:
    kind, words = _NOT_FOUND[singular]
    return NotFound(words.format(wanted), kind=kind)


def bad_attribute(name: str, reason: str) -> BadRequest:
    return BadRequest(f"Invalid input for {name}. Reason: {reason}.", kind="HTTPBadRequest")


def bad_request(message: str) -> BadRequest:
    return BadRequest(message, kind="HTTPBadRequest")


def invalid_input(reason: str) -> BadRequest:
    return BadRequest(f"Invalid input for operation: {reason}.", kind="InvalidInput")


def disallowed(*rules: str) -> Forbidden:
    """oslo.policy's words as Neutron gives them."""
    joined = " and ".join(f"rule:{rule}" for rule in rules)
    return Forbidden(
        f"({joined}) is disallowed by policy" if len(rules) > 1 else f"{joined} is disallowed by policy",
        kind="PolicyNotAuthorized",
    )


def over_quota(resources: Iterable[str]) -> QuotaExceeded:
    return QuotaExceeded(f"Quota exceeded for resources: {sorted(resources)}.", kind="OverQuota")


def conflict(kind: str, message: str) -> Conflict:
    return Conflict(message, kind=kind)


def invalid(kind: str, message: str) -> BadRequest:
    return BadRequest(message, kind=kind)


def network_in_use(network_id: str, port_ids: Iterable[str] = ()) -> Conflict:
    reason = "There are one or more ports still in use on the network"
    if ids := list(port_ids):
        reason += f", id for these ports is: {','.join(ids)}"
    return conflict("NetworkInUse", f"Unable to complete operation on network {network_id}. {reason}.")


def subnet_in_use(subnet_id: str) -> Conflict:
    return conflict(
        "SubnetInUse",
        f"Unable to complete operation on subnet {subnet_id}: "
        "One or more ports have an IP allocation from this subnet.",
    )


def mac_in_use(network_id: str, mac: str) -> Conflict:
    return conflict(
        "MacAddressInUse", f"Unable to complete operation for network {network_id}. The mac address {mac} is in use."
    )


def address_allocated(address: str, subnet_id: str) -> Conflict:
    return conflict("IpAddressAlreadyAllocated", f"IP address {address} already allocated in subnet {subnet_id}")


def no_more_addresses(network_id: str) -> Conflict:
    return conflict("IpAddressGenerationFailure", f"No more IP addresses available on network {network_id}.")


def stale_revision(singular: str, number: int) -> PreconditionFailed:
    return PreconditionFailed(
        f"Constrained to {number}, but current revision of the {singular} is another one.",
        kind="RevisionNumberConstraintFailed",
    )


def bad_router_request(message: str) -> BadRequest:
    return BadRequest(f"Bad router request: {message}.", kind="BadRequest")
