"""A node with the facility's own certificate, or behind its proxy: what people see, and what their commands need."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from fs2od.node.certificates import LocalCertificate, ensure_certificate
from fs2od.testing.network import Proxy, server_context
from fs2od.testing.ports import free_ports
from fs2od.testing.system import System

FILES = ("a.mrc", "b.mrc")
CONFIGURATION = """
[onedata]
zone = "https://localhost:1"
provider = "https://localhost:2"
token_file = "t"
ca_file = "node/tls/ca.pem"
provision = true
[facility]
contact = "desk@example.org"
[mail]
sender = "desk@example.org"
"""


@pytest.fixture
def public(tmp_path: Path) -> LocalCertificate:
    """A certificate of an authority that every machine of the test trusts: it stands for the system's."""
    return ensure_certificate(tmp_path / "public", ["localhost"])


def configured(system: System, network: str) -> None:
    system.data.mkdir(mode=0o700)
    (system.data / "fs2od.toml").write_text(
        f'{CONFIGURATION}[[watch]]\npath = "{system.watched}"\nquiet = "1s"\n[network]\n{network}'
    )


def dataset(folder: Path) -> Path:
    folder.mkdir()
    (folder / "SPA.yml").write_text("User: {Email: alex@example.org}\n")
    for name in FILES:
        (folder / name).write_bytes(name.encode() * 1000)
        os.utime(folder / name, (1, 1))
    return folder


def trusting(public: LocalCertificate) -> dict[str, str]:
    return {"SSL_CERT_FILE": str(public.ca)}


def test_behind_a_proxy_every_link_is_public_and_commands_need_no_authority(
    system: System, public: LocalCertificate, tmp_path: Path
) -> None:
    first = free_ports(2)
    zone, provider = f"https://localhost:{first}", f"https://localhost:{first + 1}"
    configured(
        system, f'public_zone = "{zone}"\npublic_provider = "{provider}"\ntrusted_proxies = ["127.0.0.1", "::1"]\n'
    )
    inner = ensure_certificate(system.data / "node" / "tls", ["localhost"])
    proxy = Proxy(
        {first: ("127.0.0.1", system.port), first + 1: ("127.0.0.1", system.port + 1)},
        serving=server_context(public.certificate, public.key),
        asking=ssl.create_default_context(cafile=str(inner.ca)),
    )
    with proxy:
        source = dataset(system.watched / "20261103_P2")
        facts = system.start(env=trusting(public))
        assert (facts["zone"], facts["portal"], facts["provider"], facts["ca"]) == (zone, zone, provider, None)
        mail = system.wait_for_mail()
        assert mail.link.startswith(f"{zone}/share/")
        assert f"{zone}/join#" in mail.text
        assert "--ca" not in mail.text
        assert list(mail.message.iter_attachments()) == []
        download = subprocess.run(
            [sys.executable, "-m", "fs2od", "download", mail.link, str(tmp_path / "out"), "--follow"],
            env={**os.environ, **trusting(public)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert download.returncode == 0, download.stderr
        assert [(tmp_path / "out" / each).read_bytes() for each in FILES] == [
            (source / each).read_bytes() for each in FILES
        ]
        with httpx.Client(verify=ssl.create_default_context(cafile=str(public.ca)), timeout=30) as visitor:
            page = visitor.get(mail.link).text
            assert str(system.port) not in page
            assert "--ca" not in page
            assert visitor.get(f"{zone}/ca.pem").status_code == 404
            # Forms are taken from the public address, and from no other.
            language = {"language": "cs", "back": "/"}
            inside = f"https://localhost:{system.port}"
            answers = [
                visitor.post(f"{zone}/language", data=language, headers={"Origin": each}).status_code
                for each in (zone, inside)
            ]
            assert answers == [303, 403]


def test_with_a_certificate_of_its_own_a_node_needs_no_authority_and_a_wrong_pair_is_one_line(
    system: System, public: LocalCertificate
) -> None:
    config = system.home / "node.toml"
    config.write_text(f'[network]\ncertificate = "{public.certificate}"\ncertificate_key = "public/server.key"\n')
    facts = system.start_node("--config", str(config))
    assert facts["ca"] is None
    with httpx.Client(verify=ssl.create_default_context(cafile=str(public.ca))) as visitor:
        assert visitor.get(f"{facts['zone']}/api/v3/onezone/configuration").status_code == 200
    system.stop()
    public.key.chmod(0o644)
    started = ["node", "--data", str(system.data / "node"), "--port", "0", "--config", str(config)]
    done = system.run(*started)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert f"network.certificate_key {public.key} may be read or changed by everybody" in done.stderr
