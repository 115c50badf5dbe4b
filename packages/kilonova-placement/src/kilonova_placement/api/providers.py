"""Native providers: ``/native/v1/providers``."""

from __future__ import annotations

from kilonova_kit.errors import BadRequest
from kilonova_kit.http.operations import Call
from kilonova_kit.ids import is_uuid_like

from kilonova_placement.api.types.native import ProvidersQuery
from kilonova_placement.app import providers
from kilonova_placement.app.placement import PlacementApp
from kilonova_placement.model.providers import Provider, ProviderChange, ProviderReport, ProviderUse
from kilonova_placement.model.questions import Providers


async def put(call: Call[PlacementApp, ProviderReport, None]) -> Provider:
    provider_id = call.path["provider_id"]
    if not is_uuid_like(provider_id):
        raise BadRequest(f"provider_id: {provider_id!r} is not a UUID")
    return await providers.put(call.app, provider_id, call.body)


async def change(call: Call[PlacementApp, ProviderChange, None]) -> Provider:
    return await providers.change(call.app, call.path["provider_id"], call.body)


async def delete(call: Call[PlacementApp, None, None]) -> None:
    await providers.delete(call.app, call.path["provider_id"])


async def show(call: Call[PlacementApp, None, None]) -> ProviderUse:
    return await providers.get(call.app, call.path["provider_id"])


async def index(call: Call[PlacementApp, None, ProvidersQuery]) -> Providers:
    if call.query.in_tree:
        return Providers(providers=tuple(await providers.tree_of(call.app, call.query.in_tree)))
    return Providers(providers=tuple(await providers.listed(call.app)))
