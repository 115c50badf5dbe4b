"""A small vocabulary for nftables' JSON (libnftables-json(5)): each function gives one element of a command or rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]

ACCEPT: Json = {"accept": None}
DROP: Json = {"drop": None}
RETURN: Json = {"return": None}


def payload(protocol: str, field: str) -> Json:
    return {"payload": {"protocol": protocol, "field": field}}


def meta(key: str) -> Json:
    return {"meta": {"key": key}}


def conntrack(key: str) -> Json:
    return {"ct": {"key": key}}


def match(left: Json, right: Any, op: str = "==") -> Json:
    return {"match": {"op": op, "left": left, "right": right}}


def one_of(values: Sequence[Any]) -> Any:
    """A set; a single value stands for itself."""
    return values[0] if len(values) == 1 else {"set": list(values)}


def network(cidr: str) -> Any:
    """An address or a prefix as nftables writes it."""
    address, _, length = cidr.partition("/")
    return {"prefix": {"addr": address, "len": int(length)}} if length else address


def set_value(key: Json, value: Any) -> Json:
    return {"mangle": {"key": key, "value": value}}


def verdict_map(key: Json, pairs: Sequence[tuple[Any, Json]]) -> Json:
    return {"vmap": {"key": key, "data": {"set": [list(pair) for pair in pairs]}}}


def jump(chain: str) -> Json:
    return {"jump": {"target": chain}}


def goto(chain: str) -> Json:
    return {"goto": {"target": chain}}


class Table:
    """Collects the commands that replace one table as a whole; ``commands`` is one transaction."""

    def __init__(self, family: str, name: str, comment: str = "") -> None:
        self.family, self.name = family, name
        self.commands: list[Json] = [*self.removal(family, name), {"add": {"table": self._table(comment)}}]

    @staticmethod
    def removal(family: str, name: str) -> list[Json]:
        """Remove a table whether it is there or not: adding first makes the deletion always possible."""
        table = {"table": {"family": family, "name": name}}
        return [{"add": table}, {"delete": table}]

    def _table(self, comment: str) -> Json:
        table: Json = {"family": self.family, "name": self.name}
        return {**table, "comment": comment} if comment else table

    def chain(self, name: str, rules: Sequence[Sequence[Json]]) -> None:
        """A chain that others jump to."""
        self._add_chain(name, {}, rules)

    def hook(
        self,
        name: str,
        *,
        hook: str,
        priority: int,
        rules: Sequence[Sequence[Json]],
        kind: str = "filter",
        policy: str = "accept",
        device: str = "",
    ) -> None:
        """A chain that the kernel calls; ``device`` only in the netdev family."""
        extra: Json = {"type": kind, "hook": hook, "prio": priority, "policy": policy}
        if device:
            extra["dev"] = device
        self._add_chain(name, extra, rules)

    def _add_chain(self, name: str, extra: Json, rules: Sequence[Sequence[Json]]) -> None:
        place = {"family": self.family, "table": self.name}
        self.commands.append({"add": {"chain": {**place, "name": name, **extra}}})
        for rule in rules:
            self.commands.append({"add": {"rule": {**place, "chain": name, "expr": list(rule)}}})
