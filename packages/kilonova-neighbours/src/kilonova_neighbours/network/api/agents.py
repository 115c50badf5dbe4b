"""Agents, availability zones, service providers and the use of addresses: what operators read.

What only an operator may see is not refused in a list but left out of it, as Neutron does.
The hosts' agents belong to compute, which lists them itself: this list is empty, as with a Neutron backend that has
no agents. There is one way to make a router and nothing to choose from, so no provider is listed.
"""

from __future__ import annotations

from typing import Any

from kilonova_kit.http.operations import Operation
from kilonova_kit.http.policy import Policy, Rule, admin, reader

from kilonova_neighbours.network.api.lists import fields_of, pairs_of, read_list_query
from kilonova_neighbours.network.api.resources import NetworkCall, actor_of
from kilonova_neighbours.network.app import networks
from kilonova_neighbours.network.model.records import Record
from kilonova_neighbours.network.model.refusals import not_found


async def _list_agents(call: NetworkCall) -> Record:
    return {"agents": []}


async def _show_agent(call: NetworkCall) -> Record:
    raise not_found("agent", call.path["id"])


async def _list_zones(call: NetworkCall) -> Record:
    zone = {"name": call.app.settings.availability_zone, "state": "available"}
    return {"availability_zones": [{**zone, "resource": resource} for resource in ("network", "router")]}


async def _list_providers(call: NetworkCall) -> Record:
    return {"service_providers": []}


async def _list_availability(call: NetworkCall) -> Record:
    asked = read_list_query(pairs_of(call.request), call.app.settings.page_maximum)
    names = {"network_id": "id", "network_name": "name"}
    filters = {names.get(name, name): values for name, values in asked.filters.items()}
    actor = actor_of(call.identity)
    if not actor.is_trusted:
        return {"network_ip_availabilities": []}
    found = await call.app.read(actor, lambda work: networks.list_availability(work, filters))
    fields = set(fields_of(pairs_of(call.request)))
    return {
        "network_ip_availabilities": [
            {name: value for name, value in each.items() if not fields or name in fields} for each in found
        ]
    }


async def _show_availability(call: NetworkCall) -> Record:
    network_id = call.path["id"]
    found = await call.app.read(actor_of(call.identity), lambda work: networks.show_availability(work, network_id))
    return {"network_ip_availability": found}


def _line(name: str, path: str, handler: Any, policy: str, rule: Rule) -> Operation:
    return Operation(name=name, method="GET", path=path, handler=handler, policy=Policy(policy, rule))


OPERATIONS = (
    _line("list_agents", "/agents", _list_agents, "get_agent", reader),
    _line("show_agent", "/agents/{id}", _show_agent, "get_agent", admin),
    _line("list_availability_zones", "/availability_zones", _list_zones, "get_availability_zone", reader),
    _line("list_service_providers", "/service-providers", _list_providers, "get_service_provider", reader),
    _line(
        "list_network_ip_availabilities",
        "/network-ip-availabilities",
        _list_availability,
        "get_network_ip_availability",
        reader,
    ),
    _line(
        "show_network_ip_availability",
        "/network-ip-availabilities/{id}",
        _show_availability,
        "get_network_ip_availability",
        admin,
    ),
)
