"""What a node reads of the configuration file about people, and the people that `fs2od user` adds."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from fs2od.cli.node import node
from fs2od.cli.reception import read_reception
from fs2od.cli.up import node_arguments
from fs2od.configuration import load_node_configuration
from fs2od.errors import ConfigurationError
from fs2od.mail import FolderTransport, SmtpTransport
from fs2od.node.running import open_node
from fs2od.node.settings import NodeSettings
from fs2od.testing.world import serve_world, wait_until

MAIL = """
[facility]
name = "Example Facility"
contact = "data@facility.example.org"
[mail]
sender = "Data desk <data@facility.example.org>"
"""
LAB = """
[[signin.oidc]]
name = "Example Lab (CZ)"
issuer = "https://idp.example.org"
client_id = "fs2od"
client_secret_file = "secret"
"""


def written(folder: Path, text: str) -> Path:
    (folder / "secret").write_text("the secret\n")
    path = folder / "fs2od.toml"
    path.write_text(text)
    return path


def test_without_a_file_letters_go_into_a_folder_and_anyone_may_come(tmp_path: Path) -> None:
    for config in (None, tmp_path / "not-yet.toml"):
        found = read_reception(config, tmp_path)
        assert isinstance(found.transport, FolderTransport)
        assert found.transport.folder == tmp_path / "outbox"
        assert (found.sign_in.sign_up, found.sign_in.by_mail, found.sign_in.providers) == ("anyone", True, ())


def test_the_node_writes_as_the_facility_does(tmp_path: Path) -> None:
    smtp = MAIL + 'transport = "smtp"\n[mail.smtp]\nhost = "localhost"\nsecurity = "plain"\n'
    found = read_reception(written(tmp_path, smtp), tmp_path)
    assert isinstance(found.transport, SmtpTransport)
    assert (found.facility_name, found.sender) == ("Example Facility", "Data desk <data@facility.example.org>")
    found = read_reception(written(tmp_path, MAIL), tmp_path, outbox=tmp_path / "letters")
    assert isinstance(found.transport, FolderTransport)
    assert found.transport.folder == tmp_path / "letters"


def test_providers_are_read_with_their_secrets_and_grants(tmp_path: Path) -> None:
    grants = '[[signin.oidc.grants]]\nclaim = "groups"\nvalue = "staff"\ngroup = "0a1b"\n'
    more = '[[signin.oidc.grants]]\nclaim = "groups"\nvalue = "admins"\nprivileges = ["oz_users_list"]\n'
    text = '[signin]\nsign_up = "invited"\nmail = false\n' + LAB + grants + more
    found = read_reception(written(tmp_path, text), tmp_path).sign_in
    (lab,) = found.providers
    assert (found.sign_up, found.by_mail) == ("invited", False)
    assert (lab.key, lab.name, lab.scopes) == ("example-lab-cz", "Example Lab (CZ)", ("openid", "email", "profile"))
    assert lab.client_secret.get_secret_value() == "the secret"
    assert "the secret" not in repr(found)
    assert [each.grant.group for each in lab.grants] == ["0a1b", None]
    assert [each.grant.privileges for each in lab.grants] == [(), ("oz_users_list",)]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[signin]\nsign_up = 'nobody'\n", "signin.sign_up"),
        ("[signin]\npassword = true\n", "there is no such key"),
        (LAB.replace("https://", "http://"), "signin.oidc[1].issuer"),
        (LAB + "scopes = ['email']\n", "scopes must hold 'openid'"),
        (LAB + LAB, "the same key or the same issuer"),
        (LAB + '[[signin.oidc.grants]]\nclaim = "a"\nvalue = "b"\n', "set group, or privileges, or both"),
        (LAB.replace("Example Lab (CZ)", "研究所"), "set key"),
        (LAB.replace('"secret"', '"elsewhere"'), "client_secret_file"),
        ("[signin\n", "is not a TOML file"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence.replace("[", r"\[")):
        read_reception(written(tmp_path, text), tmp_path)


def test_an_empty_secret_is_none(tmp_path: Path) -> None:
    path = written(tmp_path, LAB)
    (tmp_path / "secret").write_text("\n")
    with pytest.raises(ConfigurationError, match="is empty"):
        read_reception(path, tmp_path)


def test_paths_start_at_the_files_folder(tmp_path: Path) -> None:
    found = load_node_configuration(written(tmp_path, MAIL + 'templates = "words"\n' + LAB))
    assert found.mail is not None
    assert found.mail.templates == tmp_path / "words"
    assert found.signin.oidc[0].client_secret_file == tmp_path / "secret"


async def test_a_running_node_delivers_its_letters(tmp_path: Path) -> None:
    with open_node(NodeSettings(tmp_path / "node", "zone.test", "provider.test")) as node:
        async with node.working():
            node.zone.links.ask("alex@example.org", peer="", target="/")
            outbox = tmp_path / "node" / "outbox"
            await asyncio.to_thread(wait_until, lambda: bool(list(outbox.glob("*.eml"))), 20)
    (letter,) = outbox.glob("*.eml")
    assert "~sealed" not in letter.read_text()
    assert letter.stat().st_mode & 0o777 == 0o600


def test_an_administrator_adds_lists_and_blocks_people_from_the_command_line(tmp_path: Path) -> None:
    with serve_world(tmp_path) as world:
        token = tmp_path / "node" / "admin.token"
        way = ["--zone", world.node.settings.zone_url, "--token-file", str(token), "--ca", str(world.ca)]

        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "fs2od", "user", *arguments, *way]
            return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

        added = run("add", "alex", "--name", "Alex Example", "--mail", "alex@example.org", "--json")
        assert added.returncode == 0, added.stderr
        alex = json.loads(added.stdout)["id"]
        listed = json.loads(run("list", "--json").stdout)
        assert {
            "id": alex,
            "username": "alex",
            "name": "Alex Example",
            "addresses": ["alex@example.org"],
            "blocked": False,
        } in listed
        assert run("block", alex).returncode == 0
        assert f"{alex}  alex              Alex Example  alex@example.org  blocked" in run("list").stdout
        assert run("block", alex, "--undo").returncode == 0
        again = run("add", "alex")
        assert again.returncode != 0
        assert again.stderr.startswith("fs2od: ")
        assert run("block", "0" * 32).returncode == 6
        secret = token.read_text().strip()
        assert secret not in added.stdout + added.stderr + again.stderr


def test_the_node_knows_of_addresses_what_the_file_says(tmp_path: Path) -> None:
    text = '[network]\ntrusted_proxies = ["10.0.0.0/8", "::1"]\nasn_database = "asn.mmdb"\n'
    found = read_reception(written(tmp_path, MAIL + text), tmp_path)
    assert found.network.trusted_proxies == ("10.0.0.0/8", "::1")
    assert (found.network.asn_database, found.network.country_database) == (tmp_path / "asn.mmdb", None)
    with pytest.raises(ConfigurationError, match=r"network\.trusted_proxies\.?\[1\]: expected an address, or a range"):
        read_reception(written(tmp_path, '[network]\ntrusted_proxies = ["my proxy"]\n'), tmp_path)


def test_stores_that_sites_may_use_are_named_by_host_with_or_without_a_port(tmp_path: Path) -> None:
    named = '"S3.example.org", "10.0.0.5:9000", "::1", "[fd00::5]:9000"'
    found = read_reception(written(tmp_path, f"{MAIL}[network]\nstore_hosts = [{named}]\n"), tmp_path)
    assert found.network.store_hosts == ("s3.example.org", "10.0.0.5:9000", "[::1]", "[fd00::5]:9000")
    for wrong in ("https://s3.example.org", "s3.example.org/", "10.0.0.0/8", "my store", "", "a:0", "a:99999", "k@a"):
        with pytest.raises(ConfigurationError, match=r"network\.store_hosts\.?\[1\]: expected a host"):
            read_reception(written(tmp_path, f'[network]\nstore_hosts = ["{wrong}"]\n'), tmp_path)


def test_up_hands_the_database_files_to_the_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = {"--asn-database": Path("asn.mmdb"), "--country-database": None}
    words = node_arguments(tmp_path, 8443, ["--host", "localhost"], files)
    # The child has the same folder, but what it is told must not hang on that.
    assert words[words.index("--asn-database") + 1] == str(tmp_path / "asn.mmdb")
    assert "--country-database" not in words
    node.make_context("node", words[1:], resilient_parsing=True).close()


def test_limits_of_replication_are_read_as_people_write_them(tmp_path: Path) -> None:
    text = '[replication]\nbytes_per_second = "50 MB"\nother_bytes_per_second = 0\nfrom_hour = 19\nuntil_hour = 7\nsettle = "30 s"\n'
    text += 'direct_for = "20 s"\nstorages_at_once = 8\n'
    found = read_reception(written(tmp_path, text), tmp_path).replication
    assert (found.bytes_s, found.other_bytes_s, found.from_hour, found.until_hour) == (50_000_000, 0, 19, 7)
    assert (found.settle_s, found.check_every_s) == (30, 6 * 3600)
    assert (found.direct_s, found.storages_at_once) == (20, 8)
    with pytest.raises(ConfigurationError, match=r"replication\.direct_for"):
        read_reception(written(tmp_path, '[replication]\ndirect_for = "2 min"\n'), tmp_path)
    with pytest.raises(ConfigurationError, match=r"replication\.from_hour"):
        read_reception(written(tmp_path, "[replication]\nfrom_hour = 25\n"), tmp_path)


def test_the_pages_have_a_language_and_texts_of_the_facility_s_own(tmp_path: Path) -> None:
    found = read_reception(written(tmp_path, MAIL + '[pages]\nlanguage = "cs"\ntexts = "texts"\n'), tmp_path)
    assert (found.page_language, found.page_texts) == ("cs", tmp_path / "texts")


def test_pages_speak_as_mails_do_where_nothing_else_is_said(tmp_path: Path) -> None:
    assert read_reception(written(tmp_path, MAIL + 'language = "cs"\n'), tmp_path).page_language == "cs"
    assert read_reception(written(tmp_path, '[pages]\nlanguage = "cs"\n'), tmp_path).page_language == "cs"
    assert read_reception(None, tmp_path).page_language == "en"
