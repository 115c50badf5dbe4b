"""What the command line asks of a cloud, however many servers that has."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from kilonova.cloud.errors import CloudError
from kilonova.cloud.inquiries import CloudInquiries

_MOST = 1000


class LargeCloud(CloudInquiries):
    """2500 servers, of which two are named alike; it answers as the compute API does."""

    def __init__(self) -> None:
        self.all = [
            {"id": f"00000000-0000-4000-8000-{number:012}", "name": f"web.{number}", "status": "ACTIVE"}
            for number in range(2500)
        ]
        self.all[7]["name"] = "twin"
        self.all[2300]["name"] = "twin"

    def get(self, path: str, *, version: str = "2.96") -> Any:
        parts = urlsplit(path)
        if parts.path.endswith("/os-interface"):
            return {"interfaceAttachments": []}
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        found = [one for one in self.all if re.search(query.get("name", ""), one["name"])]
        found = [one for one in found if query.get("uuid", one["id"]) == one["id"]]
        after = [one["id"] for one in found].index(query["marker"]) + 1 if "marker" in query else 0
        return {"servers": found[after : after + _MOST]}


def test_a_server_is_found_however_many_there_are() -> None:
    cloud = LargeCloud()
    last = cloud.all[-1]
    assert cloud.server(last["name"]).id == last["id"]
    assert cloud.server(last["id"]).name == last["name"]
    with pytest.raises(CloudError, match="2 servers are named twin"):
        cloud.server("twin")
    with pytest.raises(CloudError, match="0 servers are named web-1"):
        cloud.server("web-1")


def test_all_servers_are_counted() -> None:
    assert len(list(LargeCloud().servers())) == 2500
