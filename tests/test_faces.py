"""How a cloud shows itself to the world: URLs in catalog and links, TLS, health, metrics, the root."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from cloud.simulated import SimulatedCloud
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_PUBLIC = "https://cloud.example.org/kilonova"


def _catalog(cloud: SimulatedCloud) -> list[dict[str, Any]]:
    return list(cloud.demo.get("/identity/v3/auth/catalog")["catalog"])


def test_catalog_and_links_say_where_it_answers(cloud: SimulatedCloud) -> None:
    urls = {endpoint["url"] for service in _catalog(cloud) for endpoint in service["endpoints"]}
    assert urls
    assert all(url.startswith(cloud.url) for url in urls)


def test_the_public_url_is_in_catalog_and_links(make_cloud: Callable[..., SimulatedCloud]) -> None:
    cloud = make_cloud(hosts=1, cells=1, options=("--public-url", _PUBLIC))
    urls = {endpoint["url"] for service in _catalog(cloud) for endpoint in service["endpoints"]}
    assert urls
    assert all(url.startswith(_PUBLIC) for url in urls)
    assert f"auth_url: {_PUBLIC}/identity/v3" in cloud.folder.clouds_yaml.read_text()
    server = cloud.demo.get(f"/compute/v2.1/servers/{cloud.demo.create_active('linked').id}")["server"]
    assert all(link["href"].startswith(_PUBLIC) for link in server["links"])
    versions = cloud.demo.get("/compute/")["versions"]
    assert all(link["href"].startswith(_PUBLIC) for version in versions for link in version["links"])


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, signed by itself."""
    import ipaddress

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kilonova test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "cloud.crt", folder / "cloud.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_file, key_file


def test_a_cloud_with_a_certificate_serves_tls_only(make_cloud: Callable[..., SimulatedCloud], tmp_path: Path) -> None:
    certificate, key = _certificate(tmp_path)
    options = ("--tls-certificate", str(certificate), "--tls-key", str(key))
    cloud = make_cloud(hosts=2, options=options)
    assert cloud.url.startswith("https://")
    assert cloud.demo.create_active("safe").status == "ACTIVE"
    assert all(e["url"].startswith("https://") for service in _catalog(cloud) for e in service["endpoints"])
    try:
        plain = httpx.get(f"http://127.0.0.1:{cloud.port}/healthz", trust_env=False).status_code
    except httpx.HTTPError:
        plain = 0
    assert plain != 200


def test_health_metrics_and_the_root_answer_without_a_token(cloud: SimulatedCloud) -> None:
    with httpx.Client(base_url=cloud.url, trust_env=False) as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 200
        assert "kilonova_" in client.get("/metrics").text
        root = client.get("/").text
        assert all(prefix in root for prefix in ("/identity", "/compute", "/image", "/network", "/placement"))
        assert client.get("/nowhere").status_code == 404
