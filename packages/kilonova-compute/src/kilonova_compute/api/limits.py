"""Limits: what a project may have and has."""

from __future__ import annotations

from kilonova_kit.http.operations import Call

from kilonova_compute.api import list_pages, policies
from kilonova_compute.api.types.limits import AbsoluteLimits, LimitsAnswer, LimitsQuery, LimitsView
from kilonova_compute.app import quotas as app
from kilonova_compute.app.compute import Compute


async def index(call: Call[Compute, None, LimitsQuery]) -> LimitsAnswer:
    project_id = call.identity.project_id or ""
    if (asked := list_pages.last(call.query.tenant_id)) is not None:
        call.enforce(policies.LIMITS_OF_OTHERS)
        project_id = asked
    have = await app.shown(call.app, project_id)
    absolute = AbsoluteLimits(
        max_server_meta=have["metadata_items"].limit,
        max_image_meta=have["metadata_items"].limit,
        max_personality=have["injected_files"].limit,
        max_personality_size=have["injected_file_content_bytes"].limit,
        max_total_instances=have["instances"].limit,
        max_total_cores=have["cores"].limit,
        max_total_ram_size=have["ram"].limit,
        max_total_keypairs=have["key_pairs"].limit,
        max_total_floating_ips=have["floating_ips"].limit,
        max_security_groups=have["security_groups"].limit,
        max_security_group_rules=have["security_group_rules"].limit,
        max_server_groups=have["server_groups"].limit,
        max_server_group_members=have["server_group_members"].limit,
        total_instances_used=have["instances"].in_use,
        total_cores_used=have["cores"].in_use,
        total_ram_used=have["ram"].in_use,
        total_server_groups_used=have["server_groups"].in_use,
    )
    return LimitsAnswer(limits=LimitsView(absolute=absolute))
