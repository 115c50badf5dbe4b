"""The documents that the metadata service and the config drive share."""

import base64
import json

import pytest
from kilonova_agent.metadata import answers, documents
from kilonova_messages.wishes import FixedIp, GuestMetadata, HostRoute, PortWiring, WiredSubnet

GUEST = GuestMetadata(
    server_id="5d7d3e3c-0000-4000-8000-000000000001",
    name="web one",
    hostname="web-one.example",
    project_id="p1",
    public_keys={"mine": "ssh-ed25519 AAAA me\n"},
    meta={"role": "web"},
    admin_password="s3cret",
    user_data=b"\x1f\x8b\x00raw",
    instance_type="m1.tiny",
    image_id="0f0f0f0f-1",
    reservation_id="r-12345678",
    security_groups=("default", "web"),
)
BARE = GuestMetadata(server_id="aa", name="b", hostname="b", project_id="p")


def port(**subnet):
    wired = WiredSubnet(**{"subnet_id": "s", "cidr": "10.0.0.0/24", "gateway_ip": "10.0.0.1", **subnet})
    address = "fd00::5" if wired.ip_version == 6 else "10.0.0.5"
    return PortWiring(
        port_id="0123456789abcdef",
        network_id="n1",
        mac="FA:16:3E:00:00:01",
        mtu=1450,
        fixed_ips=(FixedIp(subnet_id="s", ip_address=address),),
        subnets=(wired,),
    )


def said(path, guest=GUEST, ports=()):
    found = answers.answer(guest, ports, "10.0.0.5", answers.parts(path))
    return None if found is None else found.body.decode("latin-1")


def test_meta_data_of_the_latest_version():
    document = json.loads(documents.openstack_documents(GUEST, seed=b"x" * 512)["openstack/latest/meta_data.json"])
    assert document == {
        "uuid": GUEST.server_id,
        "meta": {"role": "web"},
        "public_keys": {"mine": "ssh-ed25519 AAAA me\n"},
        "keys": [{"name": "mine", "type": "ssh", "data": "ssh-ed25519 AAAA me\n"}],
        "hostname": "web-one.example",
        "name": "web one",
        "launch_index": 0,
        "availability_zone": "nova",
        "random_seed": base64.b64encode(b"x" * 512).decode(),
        "project_id": "p1",
        "devices": [],
        "dedicated_cpus": [],
    }


def test_older_versions_lack_what_came_later():
    found = documents.openstack_documents(GUEST, [port()])
    oldest = json.loads(found["openstack/2012-08-10/meta_data.json"])
    assert not {"random_seed", "keys", "project_id", "devices"} & oldest.keys()
    assert "openstack/2012-08-10/network_data.json" not in found
    assert "openstack/2015-10-15/network_data.json" in found
    assert "openstack/2015-10-15/vendor_data2.json" not in found


def test_only_the_config_drive_shows_the_administrators_password():
    assert b"s3cret" not in b"".join(documents.openstack_documents(GUEST).values())
    drive = documents.config_drive_documents(GUEST, [port()])
    assert json.loads(drive["openstack/latest/meta_data.json"])["admin_pass"] == "s3cret"
    assert json.loads(drive["ec2/latest/meta-data.json"])["local-ipv4"] == "10.0.0.5"


def test_the_random_seed_differs_from_time_to_time():
    one, two = (documents.openstack_documents(BARE)["openstack/latest/meta_data.json"] for _ in range(2))
    assert json.loads(one)["random_seed"] != json.loads(two)["random_seed"]


def test_user_data_is_raw_and_absent_where_there_is_none():
    assert said("/openstack/latest/user_data") == said("/latest/user-data") == "\x1f\x8b\x00raw"
    assert said("/openstack/latest/user_data", BARE) is None
    assert said("/latest/user-data", BARE) is None
    assert "user_data" not in said("/openstack/latest", BARE)


def test_network_data_with_dhcp():
    assert documents.network_data([port(dns_nameservers=("192.0.2.53",))]) == {
        "links": [
            {
                "id": "tap0123456789a",
                "vif_id": "0123456789abcdef",
                "type": "phy",
                "mtu": 1450,
                "ethernet_mac_address": "fa:16:3e:00:00:01",
            }
        ],
        "networks": [{"id": "network0", "link": "tap0123456789a", "type": "ipv4_dhcp", "network_id": "n1"}],
        "services": [{"type": "dns", "address": "192.0.2.53"}],
    }


def test_network_data_without_dhcp_is_static():
    static = port(enable_dhcp=False, host_routes=(HostRoute(destination="10.9.0.0/16", nexthop="10.0.0.9"),))
    (network,) = documents.network_data([static])["networks"]
    assert (network["type"], network["ip_address"], network["netmask"]) == ("ipv4", "10.0.0.5", "255.255.255.0")
    assert network["routes"] == [
        {"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "10.0.0.1"},
        {"network": "10.9.0.0", "netmask": "255.255.0.0", "gateway": "10.0.0.9"},
    ]


def test_network_data_of_ipv6_names_the_address():
    (network,) = documents.network_data([port(cidr="fd00::/64", ip_version=6, gateway_ip="fd00::1")])["networks"]
    assert (network["type"], network["ip_address"], network["netmask"]) == ("ipv6", "fd00::5", "ffff:ffff:ffff:ffff::")
    assert network["routes"][0]["network"] == "::"


def test_a_guest_without_a_port_has_no_network_data_at_all():
    assert documents.network_data([]) is None
    assert said("/openstack/latest/network_data.json") is None


PATHS = [
    (
        "/",
        "1.0\n2007-01-19\n2007-03-01\n2007-08-29\n2007-10-10\n2007-12-15\n2008-02-01\n2008-09-01\n2009-04-04\nlatest",
    ),
    ("/latest", "meta-data/\nuser-data"),
    ("/latest/", "meta-data/\nuser-data"),
    ("//latest//meta-data//instance-id", "i-5d7d3e3c"),
    ("/ec2/latest/meta-data/instance-id", "i-5d7d3e3c"),
    ("/2009-04-04/meta-data/ami-id", "ami-0f0f0f0f"),
    ("/latest/meta-data/hostname", "web-one.example"),
    ("/latest/meta-data/local-hostname", "web-one.example"),
    ("/latest/meta-data/local-ipv4", "10.0.0.5"),
    ("/latest/meta-data/public-ipv4", ""),
    ("/latest/meta-data/public-keys/", "0=mine"),
    ("/latest/meta-data/public-keys/0", "openssh-key"),
    ("/latest/meta-data/public-keys/0/openssh-key", "ssh-ed25519 AAAA me\n"),
    ("/latest/meta-data/block-device-mapping/", "ami\nroot"),
    ("/latest/meta-data/block-device-mapping/root", "/dev/vda"),
    ("/latest/meta-data/placement/availability-zone", "nova"),
    ("/latest/meta-data/security-groups", "default\nweb"),
    ("/latest/meta-data/instance-type", "m1.tiny"),
    ("/latest/meta-data/reservation-id", "r-12345678"),
    ("/1.0/meta-data/instance-type", None),
    ("/2008-02-01/meta-data/instance-action", None),
    ("/latest/meta-data/nothing", None),
    ("/latest/meta-data/public-keys/_name", None),
    ("/2011-01-01/meta-data", None),
    ("/openstack/latest/nothing", None),
    ("/openstack/2011-01-01", None),
    ("/openstack/latest/../../etc/passwd", None),
    ("/openstack/2012-08-10", "meta_data.json\nuser_data"),
    ("/openstack/latest/vendor_data.json", "{}"),
    ("/openstack/latest/vendor_data2.json", "{}"),
]


@pytest.mark.parametrize(("path", "body"), PATHS)
def test_a_path_answers(path, body):
    assert said(path) == body


def test_the_list_of_openstack_versions_and_files():
    assert said("/openstack").split("\n") == [*documents.VERSIONS, "latest"]
    assert said("/openstack/latest/", ports=[port()]).split("\n") == [
        "meta_data.json",
        "user_data",
        "password",
        "vendor_data.json",
        "network_data.json",
        "vendor_data2.json",
    ]


def test_the_meta_data_directory_lists_inner_directories_with_a_slash():
    assert said("/latest/meta-data/").split("\n") == [
        "ami-id",
        "ami-launch-index",
        "ami-manifest-path",
        "block-device-mapping/",
        "hostname",
        "instance-action",
        "instance-id",
        "instance-type",
        "local-hostname",
        "local-ipv4",
        "placement/",
        "public-hostname",
        "public-ipv4",
        "public-keys/",
        "reservation-id",
        "security-groups",
    ]
