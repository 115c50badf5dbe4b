"""``POST /servers``: from the body to a wish without versions, then to the answer that clients wait for."""

from __future__ import annotations

import base64
import re
import secrets
import string
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import msgspec
from kilonova_kit.errors import BadRequest, NotFound
from kilonova_kit.http.operations import Answer, Call, NoQuery
from kilonova_kit.ids import is_uuid_like
from msgspec import UNSET, UnsetType

from kilonova_compute.api import policies, versions
from kilonova_compute.api.server_views import sight_of
from kilonova_compute.api.types.create_server import (
    BlockDevice,
    CreatedServer,
    CreatedServerAnswer,
    CreateServer,
    WishedNetwork,
    WishedServer,
)
from kilonova_compute.api.types.values import (
    as_bool,
    as_positive,
    check_address,
    check_base64,
    check_metadata,
    check_short_hostname,
    check_uuid,
    invalid,
)
from kilonova_compute.app import create_servers as app
from kilonova_compute.app.compute import Compute
from kilonova_compute.app.flavors import find_flavor
from kilonova_compute.app.keypairs import KeyPair, find_key
from kilonova_compute.model.servers import FlavorSnapshot, WantedNetwork

CreateCall = Call[Compute, CreateServer, NoQuery]

_LETTERS = string.ascii_letters + string.digits
_PASSWORD_LENGTH = 12
_MOST_HINTED = 16 * 1024
_CIDR = re.compile(r"/[0-9a-f.:]+")
_WITHOUT_VOLUMES = "Block devices other than the image as a local root disk are not supported by this cloud."


async def create(call: CreateCall) -> Answer:
    wanted = call.body.server
    only_reservation = as_bool("return_reservation_id", wanted.return_reservation_id)
    password = "".join(secrets.choice(_LETTERS) for _ in range(_PASSWORD_LENGTH))
    password = wanted.admin_pass if wanted.admin_pass is not UNSET else password
    wish = await _wish(call, wanted, password)
    servers = await app.create(call.app, call.identity, wish, call.request_id)
    if only_reservation:
        return Answer({"reservation_id": servers[0].reservation_id}, status=202)
    links = sight_of(call).links("servers", servers[0].id)
    groups = [{"name": "default"}]
    if wanted.security_groups is not UNSET:
        groups = [{"name": group.name} for group in wanted.security_groups if group.name is not UNSET]
    answer = CreatedServer(
        id=servers[0].id,
        links=links,
        admin_pass=password,
        disk_config=wanted.disk_config,
        security_groups=groups,
    )
    return Answer(CreatedServerAnswer(server=answer), headers={"Location": links[0]["href"]})


async def _wish(call: CreateCall, wanted: WishedServer, password: str) -> app.CreateWish:
    least, most = _counts(wanted)
    for file in wanted.personality:  # checked, and then left out: no host injects files
        check_base64("contents", file.contents)
    files = tuple(app.WishedFile(file.path, base64.b64decode(file.contents)) for file in wanted.personality)
    place = _place(call, wanted)
    image_id = _image_id(call, wanted)
    networks, mode = _networks(call, wanted)
    config_drive = as_bool("config_drive", wanted.config_drive)
    key_name = wanted.key_name if wanted.key_name is not UNSET else None
    flavor = await _flavor(call, wanted)
    key = await _key(call, key_name) if key_name is not None else None
    return app.CreateWish(
        name=wanted.name.strip(),
        flavor=flavor,
        image_id=image_id,
        networks=networks,
        network_mode=mode,
        count_min=least,
        count_max=most,
        description=wanted.description if call.version >= versions.DESCRIPTION else wanted.name,
        hostname=_hostname(call, wanted, most),
        key_name=key.name if key else None,
        key_type=key.kind if key else "ssh",
        public_key=key.public_key if key else "",
        metadata=check_metadata(wanted.metadata),
        files=files,
        tags=tuple(dict.fromkeys(wanted.tags)),
        security_groups=_groups(wanted),
        user_data=_user_data(wanted),
        config_drive=config_drive,
        config_drive_text="True" if config_drive else "",
        **place,
        access_ip_v4=_address("accessIPv4", wanted.access_ipv4, 4),
        access_ip_v6=_address("accessIPv6", wanted.access_ipv6, 6),
        disk_config=wanted.disk_config,
        scheduler_hints=_hints(call),
        admin_password=password,
        trusted_certs=_certificates(call, wanted),
    )


# --- one field each


def _counts(wanted: WishedServer) -> tuple[int, int]:
    least = as_positive("min_count", wanted.min_count)
    most = as_positive("max_count", wanted.max_count) if wanted.max_count is not UNSET else least
    if least > most:
        raise BadRequest("min_count must be <= max_count")
    return least, most


async def _flavor(call: CreateCall, wanted: WishedServer) -> FlavorSnapshot:
    reference = _flavor_id(wanted.flavor_ref)
    try:
        return await find_flavor(call.app, call.identity, reference)
    except NotFound as error:
        raise BadRequest(f"Flavor {reference} could not be found.") from error


async def _key(call: CreateCall, name: str) -> KeyPair:
    try:
        return await find_key(call.app, call.identity, name)
    except NotFound as error:
        raise BadRequest("Invalid key_name provided.") from error


def _flavor_id(reference: str | int) -> str:
    """The id at the end of a flavor's URL, or the id itself."""
    text = str(reference)
    if not text:
        raise invalid("flavorRef", text, "'' is too short")
    return unquote(text.rstrip("/").rsplit("/", 1)[-1]) if "/" in text else text


def _image_id(call: CreateCall, wanted: WishedServer) -> str | None:
    """The image to start from. Volumes are not served here, and whoever asks for one is told so."""
    reference = wanted.image_ref if wanted.image_ref is not UNSET else ""
    if reference:
        check_uuid("imageRef", reference)
    if wanted.block_device_mapping and wanted.block_device_mapping_v2:
        raise BadRequest("Using different block_device_mapping syntaxes is not allowed in the same request.")
    if wanted.block_device_mapping or wanted.block_device_mapping_v2:
        call.enforce(policies.ATTACH_VOLUME)
    if wanted.block_device_mapping:
        raise BadRequest(_WITHOUT_VOLUMES)
    if wanted.block_device_mapping_v2:
        return _image_of_devices(call, reference, wanted.block_device_mapping_v2)
    if not reference:
        raise BadRequest("Invalid imageRef provided.")
    return reference


def _image_of_devices(call: CreateCall, reference: str, devices: list[BlockDevice]) -> str:
    tag_gone = (2, 32) < call.version < versions.NETWORK_TAGS_AGAIN
    for device in devices:
        if device.tag is not UNSET and tag_gone:
            raise invalid("block_device_mapping_v2", device.tag, "'tag' was unexpected at this version")
        if device.volume_id is not UNSET or device.snapshot_id is not UNSET:
            raise BadRequest(_WITHOUT_VOLUMES)
    if len(devices) != 1:
        raise BadRequest(_WITHOUT_VOLUMES)
    device = devices[0]
    image_id = device.uuid if device.uuid is not UNSET else device.image_id
    local = device.destination_type in ("local", UNSET)
    if device.source_type != "image" or not local or str(device.boot_index) != "0" or image_id is UNSET:
        raise BadRequest(_WITHOUT_VOLUMES)
    _check_root_disk(device)
    if reference and image_id != reference:
        raise BadRequest(
            "Block Device Mapping is Invalid: Boot sequence for the instance and image/block device mapping "
            "combination is not valid."
        )
    return check_uuid("uuid", image_id)


def _check_root_disk(device: BlockDevice) -> None:
    """What else is said of the root disk is as it is anyway, or refused: it would be ignored otherwise."""
    if device.disk_bus is not UNSET:
        raise BadRequest("disk_bus cannot be honoured: give the image the property hw_disk_bus instead.")
    for name, value, usual in (("device_type", device.device_type, "disk"), ("guest_format", device.guest_format, "")):
        if value is not UNSET and value != usual:
            raise BadRequest(f"{name}={value} cannot be honoured: the image is copied to a plain disk.")


def _networks(call: CreateCall, wanted: WishedServer) -> tuple[tuple[WantedNetwork, ...] | None, str]:
    """The networks in order, or the mode ``auto`` or ``none`` that may be said from 2.37 on."""
    given, required = wanted.networks, call.version >= versions.NETWORKS_REQUIRED
    if given is UNSET:
        if required:
            raise BadRequest("Invalid input for field/attribute server. 'networks' is a required property")
        return None, ""
    if isinstance(given, str):
        if not required or given not in ("auto", "none"):
            raise invalid("networks", given, f"'{given}' is not valid under any of the given schemas")
        if given == "auto":
            call.enforce(policies.ATTACH_NETWORK)
        return None, given
    if given:
        call.enforce(policies.ATTACH_NETWORK)
    wishes = tuple(_network(call, one) for one in given)
    ports = [one.port_id for one in wishes if one.port_id]
    for port in ports:
        if ports.count(port) > 1:
            raise BadRequest(f"Port ID '{port}' was specified twice: you cannot attach a port multiple times.")
    return wishes or None, ""


def _network(call: CreateCall, wanted: WishedNetwork) -> WantedNetwork:
    fixed_ip = wanted.fixed_ip if wanted.fixed_ip is not UNSET else ""
    if fixed_ip:
        check_address("fixed_ip", fixed_ip)
    tag = wanted.tag if wanted.tag is not UNSET else ""
    if tag and versions.NETWORKS_REQUIRED <= call.version < versions.NETWORK_TAGS_AGAIN:
        raise invalid("networks", tag, "Additional properties are not allowed ('tag' was unexpected)")
    if wanted.port:
        check_uuid("port", wanted.port)
        if fixed_ip:
            raise BadRequest(
                f"Specified Fixed IP '{fixed_ip}' cannot be used with port '{wanted.port}': "
                "the two cannot be specified together."
            )
        return WantedNetwork(port_id=wanted.port, tag=tag)
    if wanted.uuid is UNSET:
        raise BadRequest("Bad network format: missing 'uuid'")
    if not is_uuid_like(wanted.uuid):
        raise BadRequest(f"Bad networks format: network uuid is not in proper format ({wanted.uuid})")
    return WantedNetwork(network_id=wanted.uuid, fixed_ip=fixed_ip, tag=tag)


def _place(call: CreateCall, wanted: WishedServer) -> dict[str, Any]:
    """Zone, host and node. ``zone:host:node`` of old and the fields of 2.74 exclude each other."""
    text = wanted.availability_zone if wanted.availability_zone is not UNSET else ""
    parts = text.split(":")
    if len(parts) > 3:
        raise BadRequest("Unable to parse availability_zone: it is ZONE, ZONE:HOST or ZONE:HOST:NODE.")
    zone, host, node = (*parts, "", "")[:3]
    if host or node:
        call.enforce(policies.FORCED_HOST)
    wished_host = wanted.host if wanted.host is not UNSET else ""
    wished_node = wanted.hypervisor_hostname if wanted.hypervisor_hostname is not UNSET else ""
    if wished_host or wished_node:
        call.enforce(policies.REQUESTED_DESTINATION)
        if host or node:
            raise BadRequest(
                "One mechanism with host and/or hypervisor_hostname and another mechanism with zone:host:node "
                "are mutually exclusive."
            )
    return {
        "availability_zone": zone or None,
        "host": host or wished_host or None,
        "node": node or wished_node or None,
        "forced": bool(host or node),
    }


def _hostname(call: CreateCall, wanted: WishedServer, count: int) -> str | None:
    if wanted.hostname is UNSET:
        return None
    if call.version < versions.FQDN:
        check_short_hostname(wanted.hostname)
    if count > 1:
        raise BadRequest("Unable to allocate a single hostname to multiple instances")
    return wanted.hostname


def _groups(wanted: WishedServer) -> tuple[str, ...]:
    if wanted.security_groups is UNSET:
        return ()
    return tuple(dict.fromkeys(group.name for group in wanted.security_groups if group.name is not UNSET))


def _user_data(wanted: WishedServer) -> str | None:
    return None if wanted.user_data is UNSET else check_base64("user_data", wanted.user_data)


def _address(field: str, value: Any, version: int) -> str:
    return "" if value is UNSET else check_address(field, value, version)


def _hints(call: CreateCall) -> dict[str, list[str]]:
    return read_hints(call.body.hints if call.body.hints is not UNSET else call.body.old_hints)


def read_hints(given: dict[str, Any] | UnsetType) -> dict[str, list[str]]:
    """Each hint as a list of texts. Raises BadRequest."""
    if given is UNSET:
        return {}
    _check_hints(given)
    hints = {name: [_hint_text(one) for one in _as_list(value)] for name, value in given.items()}
    if sum(len(text) for name, values in hints.items() for text in (name, *values)) > _MOST_HINTED:
        raise BadRequest(
            f"Invalid input for field/attribute os:scheduler_hints. They have more than {_MOST_HINTED} characters: "
            "every server that is made keeps them."
        )
    return hints


def _check_hints(given: Mapping[str, Any]) -> None:
    """What nova's schema says of its own hints; any other may be anything. Raises BadRequest."""
    for name in ("group", "different_host", "same_host"):
        value = given.get(name, [])
        for one in _as_list(value):
            if not isinstance(one, str):
                raise invalid(name, value, f"{one} is not of type 'string'")
            check_uuid(name, one)
    if isinstance(given.get("group"), list):
        raise invalid("group", given["group"], f"{given['group']} is not of type 'string'")
    if not isinstance(given.get("query", ""), str | dict):
        raise invalid("query", given["query"], f"{given['query']} is not of type 'string', 'object'")
    if "build_near_host_ip" in given:
        check_address("build_near_host_ip", str(given["build_near_host_ip"]))
    if not _CIDR.fullmatch(str(given.get("cidr", "/24"))):
        raise invalid("cidr", given["cidr"], f"'{given['cidr']}' does not match '{_CIDR.pattern}'")


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _hint_text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _certificates(call: CreateCall, wanted: WishedServer) -> tuple[str, ...] | None:
    if not wanted.trusted_image_certificates:
        return None
    call.enforce(policies.TRUSTED_CERTIFICATES)
    if len(set(wanted.trusted_image_certificates)) < len(wanted.trusted_image_certificates):
        raise invalid("trusted_image_certificates", wanted.trusted_image_certificates, "it has non-unique elements")
    return tuple(wanted.trusted_image_certificates)
