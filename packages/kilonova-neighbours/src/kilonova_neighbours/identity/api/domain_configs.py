"""Domain configuration on the wire."""

from __future__ import annotations

from kilonova_kit.http.operations import Answer

from kilonova_neighbours.identity.api.answers import Plain
from kilonova_neighbours.identity.api.permits import IdentityCall
from kilonova_neighbours.identity.app import domain_configs


def _place(call: IdentityCall) -> tuple[str, str]:
    return call.path.get("group", ""), call.path.get("option", "")


async def replace(call: IdentityCall) -> Answer:
    config, new = await call.app.write(domain_configs.replace, call.path["domain_id"], call.body.config)
    return Answer({"config": config}, 201 if new else 200)


async def show(call: IdentityCall) -> Plain:
    return {"config": await call.app.read(domain_configs.show, call.path["domain_id"], *_place(call))}


async def update(call: IdentityCall) -> Plain:
    merged = await call.app.write(domain_configs.merge, call.path["domain_id"], call.body.config, *_place(call))
    return {"config": merged}


async def delete(call: IdentityCall) -> None:
    await call.app.write(domain_configs.delete, call.path["domain_id"], *_place(call))


async def defaults(call: IdentityCall) -> Plain:
    return {"config": domain_configs.narrowed(domain_configs.DEFAULTS, *_place(call))}
