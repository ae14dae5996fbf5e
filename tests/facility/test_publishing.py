"""What leaves the metadata file: what is listed, and nothing else."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from ruamel.yaml import YAML
from tests.facility.conftest import PROVIDER, ZONE, World

from fs2od.configuration import Configuration
from fs2od.facility.journal import Facts, Phase, Record
from fs2od.facility.metadata import available_until, facts_of, publication_of
from fs2od.facility.watching import Tally
from fs2od.onedata.ids import ShareId, SpaceId

SECRETS = ("AQAAAAEAACcQAAAAEPasswordHash", "storage-token-4711", "secret.person@example.org", "SECRETPHONE")
RECORD = {
    "Sample": {"Name": "70S ribosome", "Keywords": ["ribosome", "grid"], "File": {"Token": SECRETS[1]}},
    "ProjectName": "Ribosomes",
    "Technique": "SPA",
    "InstrumentName": "Titan Krios",
    "DtCreated": datetime(2026, 11, 3, 9, 30, tzinfo=UTC),
    "User": {"Fullname": "Alex Example", "Email": SECRETS[2], "PasswordHash": SECRETS[0], "PhoneNumber": SECRETS[3]},
    "Storage": {"Token": SECRETS[1], "Path": "/facility/secret"},
}


def configuration(**sections: dict[str, Any]) -> Configuration:
    document: dict[str, Any] = {
        "onedata": {"zone": "https://z.example.org", "provider": "https://p.example.org", "token_file": "t", "provision": True},
        "facility": {"contact": "desk@example.org", "name": "Facility", **sections.pop("facility", {})},
        "mail": {"sender": "desk@example.org", **sections.pop("mail", {})},
        "watch": [{"path": "/data"}],
        **sections,
    }  # fmt: skip
    return Configuration.model_validate(document)


def facts(metadata: Mapping[str, object] = RECORD, **sections: dict[str, Any]) -> Facts:
    return facts_of(metadata, folder="folder", configuration=configuration(**sections), watch=None)


def record(**changes: object) -> Record:
    now = datetime(2026, 11, 5, 12, tzinfo=UTC)
    made = Record(1, "/data", "A", "A", "A-x", 1, 1, now, phase=Phase.ACQUIRING, facts=facts())
    return replace(made, **changes)


def test_listed_values_are_taken_and_nothing_else() -> None:
    taken = facts()
    assert taken.published == {
        "Sample.Name": "70S ribosome",
        "Sample.Keywords": ["ribosome", "grid"],
        "ProjectName": "Ribosomes",
        "Technique": "SPA",
        "InstrumentName": "Titan Krios",
        "DtCreated": "2026-11-03T09:30:00+00:00",
    }
    assert (taken.title, taken.instrument, taken.experimenter) == ("70S ribosome", "Titan Krios", "Alex Example")
    assert taken.to == (SECRETS[2],)


def test_a_listed_path_that_leads_to_a_mapping_publishes_nothing() -> None:
    taken = facts(publish={"fields": ["User", "Storage", "Sample.File"]})
    assert taken.published == {}


def test_flat_files_are_understood() -> None:
    flat = {"SAMPLE_name": "grid", "DATA_emMicroscopeId": "Krios 2", "DATA_fmDose": 40.5, "PI_email": "pi@example.org"}
    taken = facts(flat)
    assert (taken.title, taken.instrument, taken.to) == ("grid", "Krios 2", ("pi@example.org",))
    assert taken.published["DATA_fmDose"] == 40.5


def test_what_is_missing_is_replaced_by_what_the_facility_says() -> None:
    taken = facts({"a": 1}, facility={"instrument": "Arctica"})
    assert (taken.title, taken.instrument, taken.experimenter, taken.to) == ("folder", "Arctica", "", ())


def test_the_first_address_counts_and_wrong_ones_are_complained_about() -> None:
    taken = facts({"User": {"Email": "not an address", "NormalizedEmail": "ALEX@EXAMPLE.ORG"}})
    assert taken.to == ("ALEX@EXAMPLE.ORG",)
    assert taken.complaints[0].startswith("User.Email: ")


def test_recipients_of_the_configuration_are_added_once() -> None:
    taken = facts(
        {"User": {"Email": "alex@example.org"}, "Operator": {"Email": "op@example.org"}},
        mail={"to": ["alex@example.org"], "cc_keys": ["Operator.Email"], "bcc": ["archive@example.org"]},
    )
    assert (taken.to, taken.cc, taken.bcc) == (("alex@example.org",), ("op@example.org",), ("archive@example.org",))


def test_values_cannot_become_markup() -> None:
    said = {"Sample": {"Name": "<script>alert(1)</script> [x](javascript:alert(1)) **bold**\n# heading"}}
    text = publication_of(record(facts=facts(said)), configuration().facility).description
    assert "<script>" not in text.replace("\\<", "")
    assert "\\[x\\]\\(javascript:alert\\(1\\)\\)" in text
    assert "\n# heading" not in text


def test_the_publication_says_what_state_the_dataset_is_in() -> None:
    facility = configuration(facility={"keep": "180 d"}).facility
    acquiring = publication_of(record(), facility)
    tally = Tally(9119, 1_840_000_000_000, 1, ("bad (special file)",), 0, "s")
    done = record(phase=Phase.COMPLETE, completed_at=datetime(2026, 11, 6, tzinfo=UTC), tally=tally)
    complete = publication_of(done, facility)
    assert acquiring.metadata["fs2od"]["state"] == "acquiring"
    own = complete.metadata["fs2od"]
    assert (own["state"], own["files"], own["undeliverable"]) == ("complete", 9119, 1)
    assert own["available_until"] == "2027-05-05"
    assert "Complete: 9,119 files, 1\\.84 TB\\. 1 cannot be delivered\\." in complete.description
    assert acquiring.fingerprint != complete.fingerprint


def test_counts_that_move_while_it_is_acquired_are_not_published_again_and_again() -> None:
    facility = configuration().facility
    more = record(tally=Tally(5, 5, 0, (), 5, "other"))
    assert publication_of(more, facility).fingerprint == publication_of(record(), facility).fingerprint


def test_how_long_it_stays_is_said_only_where_it_is_promised() -> None:
    assert available_until(record(), configuration().facility) is None
    assert available_until(record(), configuration(facility={"keep": "10 d"}).facility) == date(2026, 11, 15)


yaml_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=20),
        st.dates(),
        st.datetimes(),
        st.binary(),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)),
    max_leaves=10,
)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["Sample", "Name", "User", "Email", "ProjectName", "DtCreated"]), yaml_values, max_size=6
    )
)
def test_whatever_stands_in_the_file_what_is_published_is_plain_json(metadata: dict[str, Any]) -> None:
    taken = facts(metadata)
    publication = publication_of(record(facts=taken), configuration().facility)
    json.dumps(publication.metadata, allow_nan=False)
    publication.description.encode()


@settings(deadline=None)
@given(st.text(min_size=20, alphabet=st.characters(codec="ascii", categories=["L", "N"])), yaml_values)
def test_a_secret_under_a_key_that_is_not_listed_never_gets_out(secret: str, noise: object) -> None:
    metadata = {
        "Sample": {"Name": "x", "Secret": secret, "Keywords": {"deep": secret}},
        "User": {"PasswordHash": secret},
        "N": noise,
    }
    taken = facts(metadata)
    published = publication_of(record(facts=taken), configuration().facility)
    assert secret not in json.dumps(published.metadata) + published.description


async def test_no_secret_of_the_metadata_file_is_in_any_public_answer(world: World) -> None:
    text = io.StringIO()
    YAML().dump(RECORD, text)
    folder = world.dataset("leaky", metadata=text.getvalue(), running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", "leaky"))
        (folder / ".running").unlink()
        await world.until(one_pass, world.is_in("complete", "leaky"))
    row = world.rows()["leaky"]
    answers = await _public_answers(world, ShareId(row.share))
    assert any("movie_0.mrc" in answer for answer in answers), "the walk must have seen the data"
    assert any("SPA.yml" in answer for answer in answers), "the file is named, but its content is not delivered"
    assert not [secret for secret in SECRETS for answer in answers if secret in answer]
    async with world.onedata() as (_, provider, _):
        file = await provider.files.lookup(f"{world.records()['leaky'].unique_name}@{SpaceId(row.space)}/SPA.yml")
        async with httpx.AsyncClient(transport=world.transport) as member:
            url = f"https://{PROVIDER}/api/v3/oneprovider/data/{file}/content"
            answer = await member.get(url, headers={"X-Auth-Token": world.token.reveal()})
    assert SECRETS[0] in answer.text, "members see the file itself"


async def _public_answers(world: World, share: ShareId) -> list[str]:
    answers: list[str] = []
    async with httpx.AsyncClient(transport=world.transport, follow_redirects=False) as guest:

        async def get(url: str) -> httpx.Response:
            answer = await guest.get(url)
            answers.append(answer.text + str(answer.headers))
            return answer

        public = (await get(f"https://{ZONE}/api/v3/onezone/shares/{share}/public")).json()
        pending = [public["rootFileId"]]
        while pending:
            base = f"https://{PROVIDER}/api/v3/oneprovider/data/{pending.pop()}"
            for part in ("", "/content", "/metadata/json", "/metadata/xattrs", "/metadata/rdf"):
                await get(base + part)
            listing = (await get(f"{base}/children?limit=1000")).json()
            pending += [child["file_id"] for child in listing.get("children", []) if child["file_id"] not in base]
    return answers


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1 << 70, "x" * 10_000, "a\x00b\x1bc"])
def test_odd_scalars_become_harmless(value: object) -> None:
    published = facts({"ProjectName": value}).published["ProjectName"]
    text = json.dumps(published, allow_nan=False)
    assert len(text) < 1000
    assert "\\u0000" not in text
