"""`fs2od site`, `fs2od storage` and `fs2od support` against a served node: from nothing to a supported dataset."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.storage.conftest import bucket, radosgw

from fs2od.cli.main import fs2od
from fs2od.errors import Fs2odError, Interrupted
from fs2od.onedata import tokens
from fs2od.onedata.errors import Forbidden, NotFound, Rejected, ServiceError
from fs2od.onedata.ids import ProviderId, SpaceId
from fs2od.onedata.tokens import DataPath, DataReadonly, Ip, Time, Token
from fs2od.storage.s3 import S3Settings
from fs2od.storage.s3._bucket import client_of
from fs2od.testing.radosgw import Radosgw
from fs2od.testing.world import Person, ServedWorld, serve_world

__all__ = ["bucket", "radosgw"]


class Shell:
    """Somebody who types commands."""

    def __init__(self, world: ServedWorld, folder: Path, person: Person) -> None:
        self._token = folder / f"{person.id}.token"
        self._token.write_text(person.token.reveal())
        self._token.chmod(0o600)
        self._environment = {
            "FS2OD_ZONE": world.node.settings.zone_url,
            "FS2OD_CA": str(world.ca),
            "FS2OD_TOKEN_FILE": str(self._token),
        }

    def run(self, *arguments: str, given: str = "", **environment: str) -> Result:
        return CliRunner().invoke(fs2od, arguments, input=given, env=self._environment | environment)

    def json(self, *arguments: str, **environment: str) -> Any:  # noqa: ANN401 - what a command prints
        done = self.run(*arguments, "--json", **environment)
        assert done.exit_code == 0, (done.output, done.exception)
        return json.loads(done.stdout)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ServedWorld]:
    with serve_world(tmp_path / "world") as opened:
        yield opened


def test_a_site_is_added_gets_a_bucket_offers_is_asked_and_grants(
    world: ServedWorld, tmp_path: Path, bucket: S3Settings
) -> None:
    olive = world.person("Olive Example")
    world.dataset(olive, {"a.txt": b"1"}, name="grid 7")
    operator, user = Shell(world, tmp_path, world.administrator), Shell(world, tmp_path, olive)
    added = operator.json("site", "add", "centre")
    place = {"FS2OD_PROVIDER": f"https://{added['domain']}"}
    secret = tmp_path / "s3.secret"
    secret.write_text(bucket.secret_key + "\n")
    where = ("--s3", bucket.endpoint, "--bucket", bucket.bucket, "--access-key", bucket.access_key)
    storage = operator.json(
        "storage", "add", "objects", *where, "--secret-file", str(secret), "--qos", "type=object", **place
    )["id"]
    listed = operator.run("storage", "list", **place)
    assert f"{bucket.endpoint}/{bucket.bucket}" in listed.output
    assert bucket.secret_key not in operator.run("storage", "list", "--json", **place).output
    assert operator.run("storage", "check", storage, **place).exit_code == 0
    offer = ("--accept", "--largest", "50T", "--hint", "kept for 90 days", "--results", storage)
    assert operator.json("site", "offer", *offer, **place)["resultsStorageId"] == storage
    assert operator.json("site", "offer", "--results-total", "200T", **place)["resultsTotal"] == 200 * 10**12
    assert "up to 50.0 TB: kept for 90 days" in user.run("site", "list").output
    request = user.json("support", "request", "grid 7", "--site", "centre", "--size", "2T")["requestId"]
    assert "2.00 TB  centre for grid 7  by Olive Example" in operator.run("support", "list", **place).output
    assert operator.run("support", "approve", request, "--storage", storage, **place).exit_code == 0
    (answered,) = user.json("support", "list", "--space", "grid 7")
    assert (answered["state"], answered["supportedSize"]) == ("approved", 2 * 10**12)
    assert operator.run("storage", "remove", storage, **place).exit_code != 0
    assert "through the site only" in operator.run("storage", "direct", storage, **place).output
    allowed = operator.json("storage", "direct", storage, "--allow", "--at", "s3.example.org", **place)
    assert allowed == {"allowed": True, "hostname": "https://s3.example.org"}
    refused = operator.run("storage", "direct", storage, "--at", "http://s3.example.org", **place)
    assert refused.exit_code != 0
    assert "https://host[:port]" in str(refused.exception)
    assert operator.json("storage", "direct", storage, "--forbid", "--at", "", **place)["allowed"] is False


def test_a_store_behind_a_private_authority_is_added_by_naming_it(
    world: ServedWorld, tmp_path: Path, radosgw: Radosgw, bucket: S3Settings
) -> None:
    operator = Shell(world, tmp_path, world.administrator)
    place = {"FS2OD_PROVIDER": world.node.settings.provider_url}
    secret = tmp_path / "s3.secret"
    secret.write_text(bucket.secret_key)
    where = ("--s3", radosgw.tls_endpoint, "--bucket", bucket.bucket, "--access-key", bucket.access_key)
    add = ("storage", "add", "objects", *where, "--secret-file", str(secret))
    assert "name its authority with --store-ca" in str(operator.run(*add, **place).exception)
    storage = operator.json(*add, "--store-ca", str(radosgw.ca), **place)["id"]
    assert operator.run("storage", "check", storage, **place).exit_code == 0
    (tmp_path / "disk").mkdir()
    wrong = operator.run(
        "storage", "add", "d", "--posix", str(tmp_path / "disk"), "--store-ca", str(radosgw.ca), **place
    )
    assert (wrong.exit_code, "--store-ca belongs to --s3" in wrong.output) == (2, True)


def test_a_bucket_that_keeps_versions_is_told_when_it_is_added_and_later(
    world: ServedWorld, tmp_path: Path, radosgw: Radosgw
) -> None:
    operator, own = Shell(world, tmp_path, world.administrator), radosgw.bucket()
    place = {"FS2OD_PROVIDER": world.node.settings.provider_url}
    secret = tmp_path / "s3.secret"
    secret.write_text(own.secret_key)
    client = client_of(own)
    client.put_bucket_versioning(Bucket=own.bucket, VersioningConfiguration={"Status": "Enabled"})
    where = ("--s3", own.endpoint, "--bucket", own.bucket, "--access-key", own.access_key)
    added = operator.run("storage", "add", "objects", *where, "--secret-file", str(secret), **place)
    assert (added.exit_code, "the bucket keeps versions" in added.stderr) == (0, True), added.output
    (shown,) = [each for each in operator.json("storage", "list", **place) if each["name"] == "objects"]
    assert shown["keepsVersions"] is True
    client.put_bucket_versioning(Bucket=own.bucket, VersioningConfiguration={"Status": "Suspended"})
    client.close()
    assert operator.run("storage", "check", shown["id"], **place).exit_code == 0
    (shown,) = [each for each in operator.json("storage", "list", **place) if each["name"] == "objects"]
    assert "keepsVersions" not in shown


def test_a_support_token_is_handed_over_and_granted(world: ServedWorld, tmp_path: Path) -> None:
    olive = world.person("Olive Example")
    space = world.space(olive, "grid 8")
    operator, user = Shell(world, tmp_path, world.administrator), Shell(world, tmp_path, olive)
    place = {"FS2OD_PROVIDER": world.node.settings.provider_url}
    folder = tmp_path / "disk"
    folder.mkdir()
    storage = operator.json("storage", "add", "disk", "--posix", str(folder), **place)["id"]
    unknown = user.run("support", "token", "grid 9").exception
    assert isinstance(unknown, NotFound)
    assert "the token reaches no space 'grid 9'; it reaches: grid 8" in str(unknown)
    token = user.run("support", "token", "grid 8").stdout
    granted = operator.run("support", "grant", "--storage", storage, "--size", "5G", given=token, **place)
    assert granted.stdout.strip() == space
    assert world.node.zone.spaces.known(space).supports == {world.node.provider.record.id: 5 * 10**9}
    folder.rmdir()
    gone = operator.run("storage", "check", storage, **place)
    assert "cannot be used now" in str(gone.exception)
    folder.mkdir()
    folder.with_name("between").mkdir()
    operator.run("storage", "move", storage, str(folder.with_name("between")), **place)
    operator.run("storage", "move", storage, str(folder), **place)
    assert operator.run("storage", "check", storage, **place).exit_code == 0
    assert operator.json("storage", "list", **place)[0]["mountPoint"] == str(folder)
    wrong = user.run("support", "request", space, "--site", "nowhere", "--size", "1G")
    assert "sites that take requests: none" in str(wrong.exception)
    assert "a size is written as" in user.run("support", "request", space, "--site", "x", "--size", "much").output


def test_a_token_for_a_job_reads_one_dataset_and_writes_its_results(world: ServedWorld, tmp_path: Path) -> None:
    olive = world.person("Olive Example")
    dataset = world.dataset(olive, {"a.txt": b"1"}, name="grid 9")
    operator, user = Shell(world, tmp_path, world.administrator), Shell(world, tmp_path, olive)
    place = {"FS2OD_PROVIDER": world.node.settings.provider_url}
    folder = tmp_path / "disk"
    folder.mkdir()
    storage = operator.json("storage", "add", "disk", "--posix", str(folder), **place)["id"]
    operator.json("site", "offer", "--accept", "--largest", "5T", "--results", storage, **place)
    shown = user.run("token", "job", "grid 9", "--valid-for", "12h", "--ip", "127.0.0.0/8")
    assert shown.exit_code == 0, shown.output
    kinds = {type(caveat) for caveat in tokens.examine(Token(shown.stdout.strip())).caveats}
    assert kinds == {Time, Ip, DataPath, DataReadonly}
    assert "fs2od mount" in shown.stderr
    assert "oneclient" not in shown.stderr
    site = world.node.provider.record.name
    made = user.json(
        "token", "job", dataset.space, "--results", "--site", site, "--results-size", "2 GB", "--results-name", "means"
    )
    (paths,) = [caveat for caveat in tokens.examine(Token(made["token"])).caveats if isinstance(caveat, DataPath)]
    assert set(paths.paths) == {f"/{dataset.space}", f"/{made['resultsSpaceId']}"}
    results = world.node.zone.spaces.known(SpaceId(made["resultsSpaceId"]))
    assert (results.name, results.supports) == ("means", {world.node.provider.record.id: 2 * 10**9})
    again = user.json("token", "job", dataset.space, "--results-space", made["resultsSpaceId"], "--name", "again")
    assert again["resultsSpaceId"] == made["resultsSpaceId"]
    for words, code in (
        (("--results",), 2),
        (("--results-size", "1G"), 2),
        (("--results", "--site", "nowhere"), 3),
        (("--results", "--site", site, "--results-size", "6T"), 3),
        (("--results", "--site", site, "--results-size", "1k"), 3),
        (("--results", "--site", site, "--results-name", "*"), 4),
        (("--name", "again"), 4),
        (("--ip", "nonsense"), 4),
    ):
        refused = user.run("token", "job", dataset.space, *words)
        raised = refused.exception
        found = raised.exit_code if isinstance(raised, Fs2odError) else refused.exit_code
        assert found == code, (words, refused.output)
    small = user.run("token", "job", dataset.space, "--results", "--site", site, "--results-size", "6 TB")
    assert str(small.exception) == "--results-size: the site lends at most 4.99 TB"  # 2 GB are granted
    operator.run("site", "offer", "--results-total", "2 GB", **place)
    refused = user.run("token", "job", dataset.space, "--results", "--site", site)
    assert "all that the site has for results is granted" in str(refused.exception)
    assert world.node.zone.spaces.named("grid 9 results") == []  # nothing is left behind


def test_a_site_is_removed_after_its_supports_were_shown_and_ended(world: ServedWorld, tmp_path: Path) -> None:
    olive = world.person("Olive Example")
    dataset, alone = world.dataset(olive, {"a.txt": b"1"}, name="grid 7"), world.space(olive, "class averages")
    operator = Shell(world, tmp_path, world.administrator)
    site = world.node.sites.get(ProviderId(operator.json("site", "add", "centre")["providerId"]))
    storage = world.also_support(dataset.space, site)
    with world.node.zone.database.writing() as db:
        site.supports.grant(db, alone, storage, size_bytes=10**9)
    refused = operator.run("site", "remove", "centre")
    assert isinstance(refused.exception, Fs2odError)
    assert (refused.exception.exit_code, "give --end-supports" in str(refused.exception)) == (9, True)
    first, second = refused.stderr.splitlines()
    assert "class averages  (nobody else supports it, 0 files: it can be read no more then)" in first
    assert second.endswith("grid 7  (the copies here, 0 B, are removed; it stays whole where it is at home)")
    kept = operator.run("site", "remove", "centre", "--end-supports", given="n\n")
    assert "centre stays as it is" in str(kept.exception)
    assert len(site.supports.every()) == 2
    removed = operator.run("site", "remove", "centre", "--end-supports", "--yes")
    assert removed.exit_code == 0, removed.output
    assert "what lies on its storages was left there" in removed.stderr
    assert [each["name"] for each in operator.json("site", "list")] == ["facility"]
    missing = operator.run("site", "remove", "centre")
    assert isinstance(missing.exception, NotFound)
    assert "there is no site 'centre'; there are: facility" in str(missing.exception)


def test_a_support_is_ended_after_it_was_said_what_is_lost(world: ServedWorld, tmp_path: Path) -> None:
    olive = world.person("Olive Example")
    dataset = world.dataset(olive, {"a.txt": b"1", "b.txt": b"22"}, name="grid 7")
    operator = Shell(world, tmp_path, world.administrator)
    own = {"FS2OD_PROVIDER": world.node.settings.provider_url}
    only = operator.run("support", "end", dataset.space, given="n\n", **own)
    assert "grid 7: nobody else supports it, 2 files: it can be read no more then" in only.stderr
    assert "grid 7 stays as it is" in str(only.exception)
    centre = world.site("centre").node_provider
    world.also_support(dataset.space, centre)
    asked = operator.run("support", "end", dataset.space, given="n\n", **own)
    assert "2 of 2 files have no checked copy anywhere else: they can be read no more then" in asked.stderr
    assert isinstance(asked.exception, Interrupted)
    place = {"FS2OD_PROVIDER": centre.record.url}
    done = operator.run("support", "end", dataset.space, "--yes", "--json", **place)
    assert json.loads(done.stdout) == {"spaceId": dataset.space, "filesLost": 0}
    assert "it stays whole where it is at home" in done.stderr
    assert set(world.node.zone.spaces.known(dataset.space).supports) == {world.node.provider.record.id}
    again = operator.run("support", "end", dataset.space, "--yes", **place)
    assert isinstance(again.exception, NotFound)
    user = Shell(world, tmp_path, olive)
    assert isinstance(user.run("support", "end", dataset.space, "--yes", **own).exception, Forbidden)


def test_a_panel_that_cannot_tell_what_is_lost_is_asked_all_the_same(tmp_path: Path) -> None:
    with serve_world(tmp_path / "plain", plain=True) as world:
        dataset = world.dataset(world.person("Olive Example"), {"a.txt": b"1"}, name="grid 7")
        operator, own = (
            Shell(world, tmp_path, world.administrator),
            {"FS2OD_PROVIDER": world.node.settings.provider_url},
        )
        done = operator.run("support", "end", dataset.space, "--yes", "--json", **own)
        assert json.loads(done.stdout) == {"spaceId": dataset.space, "filesLost": None}
        assert "grid 7: nobody else supports it: it can be read no more then" in done.stderr
        assert world.node.provider.supports.every() == []


@pytest.mark.parametrize("plain", [False, True])
def test_what_is_granted_is_listed_and_its_size_changed(tmp_path: Path, *, plain: bool) -> None:
    with serve_world(tmp_path / "world", plain=plain) as world:
        olive = world.person("Olive Example")
        dataset = world.dataset(olive, {"a.mrc": bytes(3_000_000)}, name="grid 7")
        small = world.results(olive, name="class averages", size_bytes=10**7)
        place = {"FS2OD_PROVIDER": world.node.settings.provider_url}
        operator, user = Shell(world, tmp_path, world.administrator), Shell(world, tmp_path, olive)
        assert operator.json("support", "resize", dataset.space, "2T", **place) == {
            "spaceId": dataset.space,
            "size": 2 * 10**12,
            "sizeBefore": 2**30,
        }
        lowered = operator.run("support", "resize", dataset.space, "5M", **place)
        assert "grid 7 has 5.00 MB now, 2.00 TB before; it uses 3.00 MB" in lowered.stderr
        refused = operator.run("support", "resize", dataset.space, "2M", **place)
        assert isinstance(refused.exception, Rejected)
        assert str(refused.exception) == "grid 7 uses 3.00 MB here: it cannot have less than that"
        assert refused.exception.exit_code == 9
        least = operator.run("support", "resize", small.space, "5k", **place).exception
        assert isinstance(least, Rejected)
        assert ("at least 1000000" in str(least), least.exit_code) == (True, 2)
        lines = operator.run("support", "granted", **place).stdout.splitlines()
        assert lines == [
            f"{small.space}        0 B of   10.0 MB  on {small.storage}  class averages",
            f"{dataset.space}    3.00 MB of   5.00 MB  on {dataset.storage}  grid 7",
        ]
        listed = operator.json("support", "granted", **place)
        assert [(each["id"], each["size"], each["spaceOccupancy"]) for each in listed] == [
            (small.space, 10**7, 0),
            (dataset.space, 5 * 10**6, 3 * 10**6),
        ]
        for words in (["granted"], ["resize", dataset.space, "9M"]):
            assert isinstance(user.run("support", *words, **place).exception, Forbidden)
        assert isinstance(operator.run("support", "resize", "nowhere", "9M", **place).exception, NotFound)


def test_a_request_is_withdrawn_while_it_waits(world: ServedWorld, tmp_path: Path) -> None:
    olive = world.person("Olive Example")
    space = world.space(olive, "grid 8")
    operator, user = Shell(world, tmp_path, world.administrator), Shell(world, tmp_path, olive)
    place = {"FS2OD_PROVIDER": world.node.settings.provider_url}
    operator.json("site", "offer", "--accept", **place)
    site = world.node.provider.record.name
    request = user.json("support", "request", space, "--site", site, "--size", "1G")["requestId"]
    stranger = Shell(world, tmp_path, world.person("Stranger"))
    assert isinstance(stranger.run("support", "withdraw", request).exception, ServiceError)
    done = user.run("support", "withdraw", request)
    assert (done.exit_code, done.stderr) == (0, f"{request} is withdrawn\n")
    assert [each["state"] for each in operator.json("support", "list", **place)] == ["withdrawn"]
    assert "answered already" in str(user.run("support", "withdraw", request).exception)


def test_who_administers_a_site_is_listed_invited_and_dismissed(world: ServedWorld, tmp_path: Path) -> None:
    lee, vic = world.person("Lee Local"), world.person("Vic Viewer")
    operator, local, viewer = (Shell(world, tmp_path, each) for each in (world.administrator, lee, vic))
    added = operator.json("site", "add", "centre")
    place = {"FS2OD_PROVIDER": f"https://{added['domain']}"}
    assert local.run("storage", "list", **place).exit_code != 0
    token = operator.run("site", "invite", "centre").stdout
    assert local.run("site", "join", given=token).exit_code == 0
    assert local.run("storage", "list", **place).exit_code == 0
    assert local.run("site", "offer", "--accept", **place).exit_code == 0
    used_up = viewer.run("site", "join", given=token)
    assert isinstance(used_up.exception, Fs2odError)
    token = local.run("site", "invite", "centre", "--role", "viewer").stdout
    assert viewer.run("site", "join", given=token).exit_code == 0
    assert viewer.run("site", "offer", "--no-accept", **place).exit_code != 0
    assert [each["role"] for each in viewer.json("site", "members", "centre")] == [None, None, None]
    refused = local.run("storage", "add", "keys", "--posix", str(tmp_path), **place)
    assert "ask them, or add a bucket" in str(refused.exception)
    rows = {each["name"]: each["role"] for each in local.json("site", "members", "centre")}
    assert rows == {"Administrator": "administrator", "Lee Local": "administrator", "Vic Viewer": "viewer"}
    unknown = local.run("site", "dismiss", "centre", "Somebody")
    assert "'Somebody' means 0 members of centre; there are: " in str(unknown.exception)
    assert local.run("site", "dismiss", "centre", "Vic Viewer").exit_code == 0
    assert viewer.run("storage", "list", **place).exit_code != 0
    assert "viewer" not in local.run("site", "members", "centre").stdout


def test_another_onedata_gets_a_token_for_a_job_by_its_own_calls(tmp_path: Path) -> None:
    with serve_world(tmp_path / "world", plain=True) as world:
        olive = world.person("Olive Example")
        dataset = world.dataset(olive, {"a.txt": b"1"}, name="grid 9")
        results = world.space(olive, "averages")
        user = Shell(world, tmp_path, olive)
        shown = user.run("token", "job", "grid 9", "--valid-for", "12h", "--ip", "127.0.0.0/8")
        assert shown.exit_code == 0, (shown.output, shown.exception)
        made = Token(shown.stdout.strip())
        assert {type(caveat) for caveat in tokens.examine(made).caveats} == {Time, Ip, DataPath, DataReadonly}
        host, _, port = world.node.settings.provider_url.removeprefix("https://").partition(":")
        oneclient = f"oneclient -H {host} -P {port} --space-id {dataset.space} data"
        assert oneclient in shown.stderr
        assert made.reveal() not in shown.stderr
        (tmp_path / "job.token").write_text(made.reveal())
        (tmp_path / "job.token").chmod(0o600)
        (mirror,) = (shlex.split(line) for line in shown.stderr.splitlines() if "fs2od mirror" in line)
        mirror.remove("--follow")
        mirror[mirror.index("data")] = str(tmp_path / "data")
        mirror[mirror.index("job.token")] = str(tmp_path / "job.token")
        mirrored = user.run(*mirror[1:])
        assert mirrored.exit_code == 0, mirrored.output
        assert (tmp_path / "data" / "a.txt").read_bytes() == b"1"
        both = user.json("token", "job", dataset.space, "--results-space", results, "--interface", "oneclient")
        (only,) = both["commands"]
        assert only["command"].endswith(f"--space-id {dataset.space} --space-id {results} data")
        assert both["mayWriteDataset"] is True
        refused = user.run("token", "job", dataset.space, "--results", "--site", "centre")
        assert "give --results-space" in str(refused.exception)
