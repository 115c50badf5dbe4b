"""What servers of a flavor and an image ask for: the part of a request that is the same for all of one wish."""

from __future__ import annotations

import msgspec
from kilonova_kit.errors import BadRequest

from kilonova_compute.app import hints
from kilonova_compute.app.compute import Compute
from kilonova_compute.model.aggregate_rules import NO_RULES, host_rules
from kilonova_compute.model.cannot_honour import CannotHonour
from kilonova_compute.model.requested_devices import Aliases
from kilonova_compute.model.requests import ServerRequest
from kilonova_compute.model.requirements import Requirements, Sized, amounts_of, requirements_of
from kilonova_compute.model.servers import FlavorSnapshot, ImageSnapshot


def needs_of(flavor: FlavorSnapshot, image: ImageSnapshot | None, aliases: Aliases) -> Requirements:
    """What the extra specs and the image ask for. Raises BadRequest for what cannot be honoured."""
    sized = Sized(vcpus=flavor.vcpus, ram=flavor.ram, aliases=aliases)
    try:
        return requirements_of(flavor.extra_specs, image.properties if image else {}, sized)
    except CannotHonour as error:
        raise BadRequest(str(error)) from error


def preset_of(flavor: FlavorSnapshot, image: ImageSnapshot | None, needs: Requirements) -> ServerRequest:
    """What any server of this flavor and image asks for, wherever."""
    disk = flavor.disk + flavor.ephemeral + -(-flavor.swap // 1024)
    own = {"VCPU": flavor.vcpus, "MEMORY_MB": flavor.ram, "DISK_GB": disk}
    if needs.layout and needs.layout.cells:
        own = {"DISK_GB": disk}
    return ServerRequest(
        server_id="",
        project_id="",
        user_id="",
        resources=amounts_of(own, needs.resources),
        layout=needs.layout,
        machine=needs.machine,
        devices=needs.devices,
        bundles=needs.bundles,
        bundles_apart=needs.bundles_apart,
        flavor=flavor.name,
        cores=flavor.vcpus,
        ram=flavor.ram,
        required_traits=needs.required_traits,
        forbidden_traits=needs.forbidden_traits,
        preferred_traits=needs.preferred_traits,
        labels=needs.labels,
        image_id=image.image_id if image else "",
        image_traits=needs.image_traits,
    )


def isolated(compute: Compute, project_id: str, preset: ServerRequest, image: ImageSnapshot | None) -> ServerRequest:
    """The request with what opens hosts that are only for some, and shuts those that are not for its image."""
    rules = compute.aggregates.rules
    if rules == NO_RULES:
        return preset
    traits = (*preset.required_traits, *preset.image_traits)
    return msgspec.structs.replace(
        preset,
        carries=rules.carries(project_id, preset.flavor, traits),
        labels=(*preset.labels, *rules.image_labels(image.properties if image else {})),
    )


def forced(compute: Compute, preset: ServerRequest, host: str) -> ServerRequest:
    """On the host that an administrator forces, whomever it is for; it must have room all the same."""
    own = compute.aggregates.of(host)
    return msgspec.structs.replace(preset, carries=host_rules(own).only_for, labels=())


def with_hints(preset: ServerRequest, asked: hints.Asked) -> ServerRequest:
    """The hints' parts; traits that the flavor prefers are preferred too."""
    parts = msgspec.structs.asdict(asked)
    preferred = {*preset.preferred_traits, *asked.preferred_traits}
    return msgspec.structs.replace(preset, **{**parts, "preferred_traits": tuple(sorted(preferred))})


def amounts_of_flavor(compute: Compute, flavor: FlavorSnapshot) -> dict[str, int]:
    """Everything that a server of this flavor claims, wherever on its host it comes from."""
    return preset_of(flavor, None, needs_of(flavor, None, compute.device_aliases)).amounts()
