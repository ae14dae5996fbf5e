"""Storages that the configuration gives to a site: there as soon as they can be used, and as it says from then on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.storage.conftest import bucket, radosgw

from fs2od.cli.reception import read_reception
from fs2od.errors import ConfigurationError
from fs2od.node.configured_storages import ensure_storages
from fs2od.node.panel.storage_records import Bucket
from fs2od.node.running import open_node
from fs2od.node.settings import NodeSettings, SiteSettings, StorageSettings
from fs2od.storage.s3 import S3Settings
from fs2od.testing.radosgw import Radosgw
from fs2od.testing.world import NoSockets

__all__ = ["bucket", "radosgw"]


def found(folder: Path, *storages: StorageSettings) -> tuple[bool, dict[str, object]]:
    """Return whether all is well in a node that is started with these storages, and what its site has then."""
    sites = (SiteSettings("centre", storages=storages),)
    with open_node(NodeSettings(folder / "node", "zone.test", "provider.test", sites=sites)) as node:
        node.sites.open_all(NoSockets({}))
        is_well = ensure_storages(node.sites)
        (centre,) = [each for each in node.sites if each is not node.provider]
        records = [centre.storages.get(each) for each in centre.storages.every()]
        return is_well, {record.name: record.place for record in records}


def test_storages_of_both_kinds_are_added_once_they_can_be_used(
    tmp_path: Path, radosgw: Radosgw, bucket: S3Settings
) -> None:
    secret, folder = tmp_path / "s3.secret", tmp_path / "scratch"
    disk = StorageSettings("scratch", folder=folder, qos={"type": "disk"})
    objects = StorageSettings(
        "objects", endpoint=radosgw.tls_endpoint, bucket=bucket.bucket, access_key=bucket.access_key,
        secret_file=secret, ca_file=radosgw.ca,
    )  # fmt: skip
    assert found(tmp_path, disk, objects) == (False, {})
    folder.mkdir()
    secret.write_text(bucket.secret_key + "\n")
    is_well, places = found(tmp_path, disk, objects)
    assert (is_well, places["scratch"]) == (True, folder)
    place = places["objects"]
    assert isinstance(place, Bucket)
    assert (place.endpoint, place.ca_pem) == (radosgw.tls_endpoint, radosgw.ca.read_text())
    plain = replace(objects, endpoint=radosgw.endpoint, ca_file=None)
    # These stand in the configuration, so that their stores may be where only the node reaches them.
    assert found(tmp_path, disk, plain)[1]["objects"] == Bucket(radosgw.endpoint, bucket.bucket)
    assert found(tmp_path, replace(disk, folder=tmp_path / "elsewhere"), plain)[1]["scratch"] == folder


def test_a_file_that_is_too_large_is_not_taken_in_part(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    authorities = tmp_path / "all-authorities.pem"
    authorities.write_text("#" * 70_000)
    wanted = StorageSettings("objects", endpoint="https://127.0.0.1:9", bucket="b", ca_file=authorities)
    assert found(tmp_path, wanted) == (False, {})
    assert f"{authorities} is larger than 65536 bytes" in caplog.text


def test_the_configuration_file_names_them_with_files_beside_it(tmp_path: Path) -> None:
    config = tmp_path / "fs2od.toml"
    config.write_text("""
[[site]]
name = "centre"
[[site.storage]]
name = "scratch"
folder = "/data/scratch"
[[site.storage]]
name = "objects"
endpoint = "https://s3.example.org/"
bucket = "cryoem"
access_key = "fs2od"
secret_file = "s3.secret"
ca_file = "ca.pem"
qos = { type = "object" }
""")
    (site,) = read_reception(config, tmp_path).sites
    assert site.storages[0] == StorageSettings("scratch", Path("/data/scratch"))
    assert site.storages[1] == StorageSettings(
        "objects", None, "https://s3.example.org", "cryoem", "fs2od", tmp_path / "s3.secret", "", tmp_path / "ca.pem",
        {"type": "object"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("storage", "said"),
    [
        ('name = "disk"', "give either folder or endpoint"),
        ('name = "disk"\nfolder = "scratch"', "folder must be absolute"),
        ('name = "disk"\nendpoint = "https://s3.example.org"', "endpoint needs bucket"),
        ('name = "disk"\nendpoint = "s3.example.org"\nbucket = "b"', "storage"),
        (
            'name = "disk"\nfolder = "/a"\n[[site.storage]]\nname = "disk"\nfolder = "/b"',
            "the same name is given twice",
        ),
    ],
)
def test_what_makes_no_sense_is_named(tmp_path: Path, storage: str, said: str) -> None:
    config = tmp_path / "fs2od.toml"
    config.write_text(f'[[site]]\nname = "centre"\n[[site.storage]]\n{storage}\n')
    with pytest.raises(ConfigurationError, match=said):
        read_reception(config, tmp_path)
