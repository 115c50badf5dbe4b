"""A flavor's extra specs: what it asks of hosts beyond amounts."""

from __future__ import annotations

from typing import Any

from kilonova_kit.errors import BadRequest
from kilonova_kit.http.operations import Answer, Call, NoQuery

from kilonova_compute.api.types.flavors import ExtraSpecs, SpecKey, SpecValue
from kilonova_compute.app import flavors as app
from kilonova_compute.app.compute import Compute
from kilonova_compute.app.extra_specs import check_extra_spec

SpecCall = Call[Compute, None, NoQuery]

_CHECKED = (2, 86)


async def index(call: SpecCall) -> ExtraSpecs:
    flavor = await app.find(call.app, call.identity, call.path["flavor_id"])
    return ExtraSpecs(extra_specs=dict(flavor.extra_specs))


async def show(call: SpecCall) -> dict[str, str]:
    flavor = await app.find(call.app, call.identity, call.path["flavor_id"])
    return {call.path["key"]: app.extra_spec(flavor, call.path["key"])}


async def create(call: Call[Compute, ExtraSpecs, NoQuery]) -> ExtraSpecs:
    await app.set_extra_specs(call.app, call.path["flavor_id"], _checked(call, call.body.extra_specs))
    return call.body


async def update(call: Call[Compute, dict[SpecKey, SpecValue], NoQuery]) -> dict[str, SpecValue]:
    if len(call.body) != 1:
        raise BadRequest("Invalid input for field/attribute body. Exactly one extra spec may be given.")
    specs = _checked(call, call.body)
    if call.path["key"] not in specs:
        raise BadRequest("Request body and URI mismatch")
    await app.set_extra_specs(call.app, call.path["flavor_id"], specs)
    return call.body


async def delete(call: SpecCall) -> Answer:
    await app.remove_extra_spec(call.app, call.path["flavor_id"], call.path["key"])
    return Answer()


def _checked(call: Call[Compute, Any, NoQuery], given: dict[str, SpecValue]) -> dict[str, str]:
    """As text; from 2.86 on what is known must make sense."""
    specs = {name: str(value) for name, value in given.items()}
    for name, value in specs.items():
        if len(value) > 255:
            raise BadRequest(f"Invalid input received: extra_specs value has {len(value)} characters, more than 255.")
        if call.version >= _CHECKED:
            check_extra_spec(name, value)
    return specs
