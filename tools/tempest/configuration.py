"""tempest.conf: what was found, and what this version of Kilonova can do.

``CAN`` is the truth about the present code: an operation that does not exist yet is false here, so that Tempest skips
what needs it; who builds the operation changes the word.
"""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from pathlib import Path

from discovery import Found

Sections = dict[str, dict[str, str]]

#: Tempest's ``compute-feature-enabled``.
CAN: Mapping[str, bool] = {
    "attach_encrypted_volume": False,
    "block_migration_for_live_migration": False,
    "change_password": False,
    "cold_migration": False,
    "config_drive": True,
    "console_output": True,
    "disk_config": True,
    "enable_instance_password": True,
    "hostname_fqdn_sanitization": True,
    "ide_bus": False,
    "interface_attach": False,
    "live_migration": False,
    "metadata_service": True,
    "pause": True,
    "personality": False,
    "rescue": False,
    "resize": False,
    "serial_console": False,
    "shelve": False,
    "shelve_migrate": False,
    "snapshot": False,
    "spice_console": False,
    "stable_rescue": False,
    "suspend": False,
    "swap_volume": False,
    "vnc_console": False,
    "volume_backed_live_migration": False,
    "volume_multiattach": False,
}

#: Tempest's ``network-feature-enabled.floating_ips``: they can be listed, and none can be made.
FLOATING_IPS = False

#: The name of a service in Tempest, and its types in the catalog.
SERVICES: Mapping[str, tuple[str, ...]] = {
    "nova": ("compute",),
    "glance": ("image",),
    "neutron": ("network",),
    "cinder": ("volumev3", "block-storage", "volume"),
    "swift": ("object-store",),
}


def _word(truth: object) -> str:
    return "true" if truth else "false"


def _isolated(found: Found, guests_answer: bool) -> bool:
    """Whether each test has a network of its own: that takes routers, and that nobody logs in to its guests.

    A machine has routes only to shared networks (docs/decisions/0006), and there are no floating IPs.
    """
    return "router" in found.network_extensions and not guests_answer


def _who(found: Found, isolated: bool) -> Sections:
    auth = found.entry.auth
    return {
        "auth": {
            "use_dynamic_credentials": "true",
            "admin_username": auth.username,
            "admin_password": auth.password,
            "admin_project_name": auth.project_name,
            "admin_domain_name": "Default",
            "create_isolated_networks": _word(isolated),
        },
        "identity": {
            "uri_v3": auth.auth_url,
            "auth_version": "v3",
            "region": found.entry.region_name,
            "v3_endpoint_type": "public",
            "default_domain_id": "default",
            "ca_certificates_file": found.entry.cacert,
        },
        "identity-feature-enabled": {
            "api_v2": "false",
            "api_v3": "true",
            "trust": "true",
            "application_credentials": "true",
            "access_rules": "true",
            "security_compliance": "false",
        },
        "service_available": {name: _word(found.services.intersection(kinds)) for name, kinds in SERVICES.items()},
        "enforce_scope": dict.fromkeys(("nova", "neutron", "glance", "cinder", "keystone", "placement"), "false"),
    }


def _compute(found: Found, isolated: bool) -> Sections:
    return {
        "compute": {
            "region": found.entry.region_name,
            "image_ref": found.images[0],
            "image_ref_alt": found.images[-1],
            "flavor_ref": found.flavors[0],
            "flavor_ref_alt": found.flavors[-1],
            "min_compute_nodes": str(found.hosts),
            "fixed_network_name": "" if isolated else found.shared_network,
            "build_timeout": "120",
            "build_interval": "1",
            "max_microversion": found.compute_version,
            "hypervisor_type": "QEMU",
            "shelved_offload_time": "0",
        },
        "compute-feature-enabled": {
            **{name: _word(can) for name, can in CAN.items()},
            "dhcp_domain": "",
            "scheduler_enabled_filters": "all",
        },
        "placement": {"region": found.entry.region_name, "max_microversion": found.placement_version},
    }


def _neighbours(found: Found, guests_answer: bool) -> Sections:
    public_id, public_name = found.public_network
    region = found.entry.region_name
    return {
        "image": {"region": region, "disk_formats": "qcow2,raw", "container_formats": "bare", "build_interval": "1"},
        "image-feature-enabled": {
            "import_image": "false",
            "http_store_enabled": "false",
            "manage_locations": "false",
            "os_glance_reserved": "true",
        },
        "network": {
            "region": region,
            "project_network_cidr": "10.100.0.0/16",
            "project_network_mask_bits": "28",
            "public_network_id": public_id,
            "floating_network_name": public_name,
            "build_interval": "1",
        },
        "network-feature-enabled": {
            "api_extensions": ",".join(found.network_extensions),
            "ipv6": "true",
            "ipv6_subnet_attributes": "true",
            "port_admin_state_change": "true",
            "port_security": _word("port-security" in found.network_extensions),
            "floating_ips": _word(public_id and FLOATING_IPS),
        },
        "validation": {
            "run_validation": _word(guests_answer),
            "connect_method": "fixed",
            "auth_method": "keypair",
            "image_ssh_user": "root",
            "ip_version_for_ssh": "4",
            "ssh_key_type": "ecdsa",
            "security_group": "true",
            "security_group_rules": "true",
        },
    }


def sections(found: Found, folder: Path, *, guests_answer: bool = False) -> Sections:
    """All of tempest.conf. ``guests_answer``: let Tempest log in to guests over SSH."""
    said = {"debug": "true", "log_file": str(folder / "tempest.log"), "use_stderr": "false"}
    isolated = _isolated(found, guests_answer)
    locks = {"lock_path": str(folder / "lock")}
    return {
        "DEFAULT": said,
        "oslo_concurrency": locks,
        **_who(found, isolated),
        **_compute(found, isolated),
        **_neighbours(found, guests_answer),
    }


def override(known: Sections, words: str) -> None:
    """Set ``SECTION.KEY=VALUE``. Raises SystemExit where it is not of that form."""
    name, equals, value = words.partition("=")
    section, dot, key = name.partition(".")
    if not (equals and dot):
        raise SystemExit(f"--set {words}: write SECTION.KEY=VALUE")
    known.setdefault(section, {})[key] = value


def write(known: Sections, path: Path) -> None:
    """The file, readable by its owner only: it holds the administrator's password."""
    parser = configparser.RawConfigParser(default_section="__none__")
    for section, entries in known.items():
        parser.add_section(section)
        for key, value in entries.items():
            if value or key == "dhcp_domain":
                parser.set(section, key, value)
    path.touch(mode=0o600)
    with path.open("w") as file:
        parser.write(file)
