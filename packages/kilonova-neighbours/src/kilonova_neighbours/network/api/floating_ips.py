"""Floating IPs: clients list them in every cloud that has routers, and here there are none yet.

A list of nothing is the truth, and lets a client that cleans up or shows a server go on; to make one is refused in
words.
"""

from __future__ import annotations

from typing import Any

from kilonova_kit.errors import NotFound, NotImplementedHere
from kilonova_kit.http.operations import Operation
from kilonova_kit.http.policy import Policy, Rule, member, reader

from kilonova_neighbours.network.api.resources import NetworkCall
from kilonova_neighbours.network.model.records import Record


async def _list_floating_ips(call: NetworkCall) -> Record:
    return {"floatingips": []}


async def _no_floating_ip(call: NetworkCall) -> Record:
    raise NotFound(f"Floating IP {call.path['id']} could not be found", kind="FloatingIPNotFound")


async def _create_floating_ip(call: NetworkCall) -> Record:
    raise NotImplementedHere("Floating IPs are not implemented by this cloud yet.")


def _line(verb: str, method: str, path: str, handler: Any, rule: Rule) -> Operation:
    asks = "get" if method == "GET" else verb
    policy = Policy(f"{asks}_floatingip", rule)
    return Operation(name=f"{verb}_floatingip", method=method, path=path, handler=handler, policy=policy)


OPERATIONS = (
    _line("list", "GET", "/floatingips", _list_floating_ips, reader),
    _line("create", "POST", "/floatingips", _create_floating_ip, member),
    _line("show", "GET", "/floatingips/{id}", _no_floating_ip, reader),
    _line("update", "PUT", "/floatingips/{id}", _no_floating_ip, member),
    _line("delete", "DELETE", "/floatingips/{id}", _no_floating_ip, member),
)
