"""The sidecar's own files, from a service or over a line that changes them."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.transfer.checked_site import FEW, MTIME_S, Site, site

from fs2od.manifests import MANIFEST, SEAL, SIDECAR, SUMS, Digester, Manifest, dump_part, dump_seal, parse_part, seal_of
from fs2od.testing.network import Reply, Request, listed, reply_of
from fs2od.testing.sidecars import extend_sidecar
from fs2od.transfer._own_files import OwnFiles

__all__ = ["site"]

PLACES = {"000001.jsonl": f"{SIDECAR}/{MANIFEST}/000001.jsonl", SEAL: f"{SIDECAR}/{SEAL}", SUMS: f"{SIDECAR}/{SUMS}"}
WHERE = pytest.mark.parametrize("name", PLACES)


def offer_sealed(site: Site, folder: Path) -> None:
    """Offer a complete dataset with all that a facility writes into its sidecar."""
    folder.mkdir()
    for name, data in FEW.items():
        (folder / name).write_bytes(data)
        os.utime(folder / name, (MTIME_S, MTIME_S))
    extend_sidecar(folder, seal=True)
    site.offer(FEW)
    site.share.items.append(listed(SIDECAR, kind="DIR"))
    made = {name: (folder / place).read_bytes() for name, place in PLACES.items()}
    site.share.contents |= made
    facts = {name: listed(name, len(data), mtime=MTIME_S) for name, data in made.items()}
    site.share.answers |= {f"facts of id-{name}": partial(answer, facts[name]) for name in PLACES}
    site.serve_folder(SIDECAR, [listed(MANIFEST, kind="DIR"), facts[SEAL], facts[SUMS]])
    site.serve_folder(MANIFEST, [facts["000001.jsonl"]])


def answer(facts: dict[str, object], _: Request) -> Reply:
    return reply_of(facts)


def flipped(data: bytes) -> bytes:
    return data[:10] + bytes([data[10] ^ 1]) + data[11:]


def spoil_unless(site: Site, name: str, honest: Iterator[bool]) -> None:
    """Change a bit of a file's content each time that it is not to be honest; in the end, it always is."""

    def content(_: Request) -> Reply:
        data = site.share.contents[name]
        return reply_of(data if next(honest, True) else flipped(data))

    site.share.answers[f"content of id-{name}"] = content


@WHERE
def test_a_file_of_the_sidecar_that_is_changed_on_its_way_comes_again(site: Site, tmp_path: Path, name: str) -> None:
    offer_sealed(site, tmp_path / "made")
    # What is read to compare with is right, then comes what is to be kept; nobody reads the list for that.
    spoil_unless(site, name, iter([False] if name == SUMS else [True, False]))
    report = site.run()
    assert (report.exit_code, report.files_done, report.files_intact, report.files_by_size) == (0, 9, 6, 0)
    assert (site.out / PLACES[name]).read_bytes() == site.share.contents[name]


@WHERE
def test_a_file_of_the_sidecar_that_never_comes_right_is_named(site: Site, tmp_path: Path, name: str) -> None:
    offer_sealed(site, tmp_path / "made")
    spoil_unless(site, name, iter([name != SUMS, *[False] * 99]))
    report = site.run()
    assert report.exit_code == 8
    assert [failure.path for failure in report.failures] == [tuple(PLACES[name].split("/"))]
    assert not (site.out / PLACES[name]).exists()


@WHERE
def test_a_file_of_the_sidecar_that_rotted_is_mended_by_the_next_run(site: Site, tmp_path: Path, name: str) -> None:
    offer_sealed(site, tmp_path / "made")
    assert site.run().exit_code == 0
    here = site.out / PLACES[name]
    here.write_bytes(flipped(here.read_bytes()))
    os.utime(here, (MTIME_S, MTIME_S))
    report = site.run()
    assert (report.exit_code, report.files_fetched) == (0, 1)
    assert here.read_bytes() == site.share.contents[name]
    assert site.run().files_fetched == 0


@pytest.mark.parametrize("name", [SEAL, SUMS])
def test_a_dataset_that_is_sealed_anew_meanwhile_is_not_told_as_damaged(site: Site, tmp_path: Path, name: str) -> None:
    offer_sealed(site, tmp_path / "made")
    anew = flipped(site.share.contents[name])
    asked = iter([True] if name == SEAL else [])

    def content(_: Request) -> Reply:
        if next(asked, False):
            return reply_of(site.share.contents[name])
        site.share.answers[f"facts of id-{name}"] = partial(answer, listed(name, len(anew), mtime=MTIME_S + 5))
        return reply_of(anew)

    site.share.answers[f"content of id-{name}"] = content
    report = site.run()
    assert (report.exit_code, report.files_done, report.files_intact) == (0, 9, 6)
    assert (site.out / PLACES[name]).read_bytes() == anew


def test_a_check_looks_at_the_list_of_checksums_too(site: Site, tmp_path: Path) -> None:
    offer_sealed(site, tmp_path / "made")
    assert site.run().exit_code == 0
    report = site.download().verify()
    assert (report.exit_code, report.files_done, report.files_intact, report.files_by_size) == (0, 7, 6, 0)
    here = site.out / PLACES[SUMS]
    here.write_bytes(flipped(here.read_bytes()))
    report = site.download().verify()
    assert (report.exit_code, report.files_intact) == (8, 6)
    assert [failure.path for failure in report.failures] == [(SIDECAR, SUMS)]
    here.unlink()
    assert site.download().verify().summary().startswith("6 of 6 files")


def test_the_list_is_what_the_facility_makes_of_several_parts_and_is_promised_of_a_complete_dataset_only() -> None:
    digester = Digester()
    digester.update(b"x")
    files = [["b/1", "a b", "-"], ["a.b", "a/b", "ä", "z"]]
    parts = [dump_part(number, [digester.entry(path, 0) for path in paths]) for number, paths in enumerate(files, 1)]
    manifest = Manifest(map(parse_part, parts))
    own, place = OwnFiles(), PLACES[SUMS]
    assert own.promise(place, manifest, sealed=False) is None
    lines = [f"{digester.sha256}  {path}\n" for path in ("./-", "a b", "a.b", "a/b", "b/1", "z", "ä")]
    expected = Digester()
    expected.update("".join(lines).encode())
    assert own.promise(place, manifest, sealed=True) == expected.entry(place, 0)
    manifest.add(parse_part(dump_part(3, [])))
    own.note(SEAL, dump_seal(seal_of(manifest)))
    assert own.promise(PLACES[SEAL], manifest, sealed=False) is None
    assert own.promise(PLACES[SEAL], manifest, sealed=True) is not None
