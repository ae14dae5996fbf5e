"""Tokens for some networks, countries and regions: judged by database files, refused without."""

from __future__ import annotations

import time
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from fs2od.errors import ConfigurationError
from fs2od.node.clock import SystemClock
from fs2od.node.settings import NodeSettings
from fs2od.node.zone.places import open_places
from fs2od.node.zone.zone import open_zone
from fs2od.onedata.errors import ServiceError
from fs2od.onedata.tokens import Asn, Caveat, GeoCountry, GeoRegion, Place, caveat_to_json
from fs2od.testing.descriptions import judge_error
from fs2od.testing.world import World

CZECH = {"country": {"iso_code": "CZ", "is_in_european_union": True}, "continent": {"code": "EU"}}
SWISS = {"country": {"iso_code": "CH"}, "continent": {"code": "EU"}}


def written(path: Path, records: dict[str, dict[str, Any]]) -> Path:
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="Test")
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    return path


@pytest.fixture
def settings(tmp_path: Path) -> NodeSettings:
    asn = {"192.0.2.0/24": {"autonomous_system_number": 2852}, "2001:db8::/32": {"autonomous_system_number": 559}}
    places: dict[str, dict[str, Any]] = {"192.0.2.0/24": CZECH, "198.51.100.0/24": SWISS}
    (tmp_path / "node").mkdir()
    return NodeSettings(
        tmp_path / "node",
        "zone.test",
        "provider.test",
        asn_database=written(tmp_path / "asn.mmdb", asn),
        country_database=written(tmp_path / "country.mmdb", places),
    )


@pytest.mark.parametrize(
    ("caveat", "passing", "refused"),
    [
        (Asn((2852,)), ["192.0.2.7", "::ffff:192.0.2.7"], ["198.51.100.7", "2001:db8::1", "127.0.0.1", None]),
        (Asn((1, 559)), ["2001:db8::1"], ["192.0.2.7"]),
        (GeoCountry("whitelist", ("CZ", "PL")), ["192.0.2.7"], ["198.51.100.7", "127.0.0.1", None]),
        (GeoCountry("blacklist", ("CH",)), ["192.0.2.7"], ["198.51.100.7", "127.0.0.1", None]),
        (GeoRegion("whitelist", ("Europe",)), ["192.0.2.7", "198.51.100.7"], ["127.0.0.1", None]),
        (GeoRegion("whitelist", ("EU", "Asia")), ["192.0.2.7"], ["198.51.100.7"]),
        (GeoRegion("blacklist", ("EU",)), ["198.51.100.7"], ["192.0.2.7", "127.0.0.1"]),
    ],
)
def test_a_token_for_some_places_is_good_there_alone(
    settings: NodeSettings, caveat: Caveat, passing: list[str], refused: list[str | None]
) -> None:
    zone = open_zone(settings, SystemClock())
    user = zone.users.add("Alex Example")
    zone.credentials.require_judgeable([caveat])
    token = zone.tokens.issue_named(user, "travelling", caveats=[caveat]).token

    def opens(peer: str | None) -> bool:
        peer_ip = None if peer is None else ip_address(peer)
        try:
            zone.credentials.authenticate(token.reveal(), service="ozw-onezone", peer_ip=peer_ip, data_access=True)
        except ServiceError as error:
            return str(error.details["authError"]["id"]) != "tokenCaveatUnverified"
        return True

    assert [opens(peer) for peer in passing] == [True] * len(passing)
    assert not any(opens(peer) for peer in refused)
    zone.database.close()


async def test_without_a_file_such_tokens_are_not_made_and_not_taken(world: World) -> None:
    alex = world.person()
    caveats_of_places: list[Caveat] = [Asn((2852,)), GeoCountry("blacklist", ("CH",)), GeoRegion("whitelist", ("EU",))]
    for caveat in caveats_of_places:
        document = caveat_to_json(caveat)
        for path in ("/user/tokens/named", "/user/tokens/temporary"):
            caveats = [document, {"type": "time", "validUntil": int(time.time()) + 60}]
            body = {"caveats": caveats, "name": f"at {document['type']}"}
            answer = await world.zone.post(path, json=body, headers=alex.headers)
            judge_error(answer, "badValueCaveat")
            assert "database" in answer.json()["error"]["description"]
        shown = world.token(alex, caveat).reveal()  # narrowed elsewhere, as anybody can
        answer = await world.zone.get("/user", headers={"X-Auth-Token": shown})
        assert judge_error(answer, "unauthorized")["authError"]["id"] == "tokenCaveatUnverified"
        assert "no means to judge" in answer.json()["error"]["description"]


def test_files_that_are_no_databases_are_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mmdb"
    broken.write_bytes(b"no database")
    for path in (broken, tmp_path / "none.mmdb"):
        with pytest.raises(ConfigurationError, match=path.name):
            open_places(asn_database=path)


def test_what_a_file_does_not_say_is_unknown(tmp_path: Path) -> None:
    records: dict[str, dict[str, Any]] = {
        "192.0.2.0/24": {"country": "CZ"},
        "198.51.100.0/24": {"continent": {"code": "XX"}},
    }
    places = open_places(country_database=written(tmp_path / "odd.mmdb", records))
    assert places.asn_of is None
    assert places.place_of is not None
    assert places.place_of(ip_address("192.0.2.1")) == places.place_of(ip_address("198.51.100.1")) == Place()
