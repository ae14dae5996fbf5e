"""What stands in the files: pictures, movies, documents, and that they agree with each other."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from PIL import Image
from ruamel.yaml import YAML

from fs2od.testing.microscope import UNPUBLISHABLE, Session, write

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
SESSION = Session(
    name="Apoferritin & friends <1>",
    grid_squares=2,
    idle_squares=3,
    holes_per_square=2,
    images_per_hole=2,
    frames=11,
    frame_shape=(136, 192),
    picture_width=256,
    seed=5,
    experimenter_name="Kim Example",
    experimenter_email="kim@example.org",
)
SHARED = "{http://schemas.datacontract.org/2004/07/Fei.SharedObjects}"
ARRAYS = "{http://schemas.microsoft.com/2003/10/Serialization/Arrays}"
DRAWING = "{http://schemas.datacontract.org/2004/07/System.Drawing}"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("watched") / "dataset"
    summary = write(SESSION, folder, start=START)
    assert summary.complete
    assert summary.files == SESSION.file_count == sum(path.is_file() for path in folder.rglob("*"))
    assert summary.movies == SESSION.image_count == 8
    assert summary.size_bytes == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return folder


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def movies(dataset: Path) -> list[Path]:
    return sorted(dataset.glob("Images-Disc1/*/Data/*_Fractions.mrc"))


def image_documents(dataset: Path) -> list[Path]:
    return sorted(dataset.glob("Images-Disc1/**/*.xml"))


def text_at(document: ET.Element, path: str) -> str:
    found = document.find("/".join(SHARED + name for name in path.split("/")))
    assert found is not None, path
    assert found.text is not None, path
    return found.text


def custom_data(document: ET.Element) -> dict[str, str]:
    pairs = document.findall(f"{SHARED}CustomData/{ARRAYS}KeyValueOfstringanyType")
    return {pair.findtext(f"{ARRAYS}Key", ""): pair.findtext(f"{ARRAYS}Value", "") for pair in pairs}


def test_the_same_seed_gives_the_same_bytes(dataset: Path, tmp_path: Path) -> None:
    write(SESSION, tmp_path / "again", start=START)
    assert digests(tmp_path / "again") == digests(dataset)


def test_another_seed_gives_other_pixels(dataset: Path, tmp_path: Path) -> None:
    write(replace(SESSION, seed=6), tmp_path / "other", start=START)
    assert not set(digests(tmp_path / "other").values()) & set(digests(dataset).values())


def test_no_two_files_are_equal_even_when_their_scene_is(tmp_path: Path) -> None:
    write(replace(SESSION, scenes=1, frame_shape=(12, 16), picture_width=16), tmp_path / "one", start=START)
    found = digests(tmp_path / "one")
    assert len(set(found.values())) == len(found)


def test_the_running_file_is_gone_and_nothing_is_half_named(dataset: Path) -> None:
    names = [path.name for path in dataset.rglob("*")]
    assert ".running" not in names
    assert not [name for name in names if name.endswith(".downloading")]


def test_mrcfile_finds_nothing_wrong(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in sorted(dataset.glob("Images-Disc1/**/*.mrc")):
        assert mrcfile.validate(path), capsys.readouterr().out


def test_a_movie_is_a_stack_whose_sum_is_the_image_beside_it(dataset: Path) -> None:
    for path in movies(dataset):
        with mrcfile.open(path) as movie, mrcfile.open(str(path).replace("_Fractions", "")) as image:
            assert movie.is_image_stack()
            assert movie.data.shape == (11, 136, 192)
            assert np.array_equal(movie.data.sum(axis=0, dtype=np.uint32), image.data.reshape(136, 192))
            assert len({frame.tobytes() for frame in movie.data}) == 8


@pytest.mark.parametrize(("frames", "shape", "mode"), [(4, (48, 64), 6), (60, (1024, 1440), 0)])
def test_a_movie_has_bytes_when_the_counts_allow_it(
    tmp_path: Path, frames: int, shape: tuple[int, int], mode: int
) -> None:
    session = Session(
        grid_squares=1, idle_squares=0, holes_per_square=1, images_per_hole=1, frames=frames, frame_shape=shape
    )
    write(session, tmp_path / "dataset", start=START)
    with mrcfile.open(movies(tmp_path / "dataset")[0], header_only=True) as movie:
        assert int(movie.header.mode) == mode
        assert int(movie.header.dmax) < (127 if mode == 0 else 65535)


def test_documents_agree_with_their_images(dataset: Path) -> None:
    for path in image_documents(dataset):
        document = ET.parse(path).getroot()
        pixel_a = float(text_at(document, "SpatialScale/pixelSize/x/numericValue")) * 1e10
        area = document.find(f".//{SHARED}camera/{SHARED}ReadoutArea")
        assert area is not None
        with mrcfile.open(path.with_suffix(".mrc")) as image:
            assert float(image.voxel_size.x) == pytest.approx(pixel_a, rel=1e-5)
            rows, columns = image.data.shape[-2:]
            assert (rows, columns) == (
                int(area.findtext(f"{DRAWING}height", "")),
                int(area.findtext(f"{DRAWING}width", "")),
            )


def test_doses_hang_together(dataset: Path) -> None:
    for path in image_documents(dataset):
        document = ET.parse(path).getroot()
        data = custom_data(document)
        pixel_a = float(text_at(document, "SpatialScale/pixelSize/x/numericValue")) * 1e10
        on_camera = float(data["DoseOnCamera"])
        assert float(data["Dose"]) * 1e-20 * pixel_a**2 == pytest.approx(on_camera, rel=1e-9)
        if path.parent.name == "Data":
            assert 10 < float(data["Dose"]) * 1e-20 < 100
            with mrcfile.open(path.with_suffix(".mrc")) as image:
                assert float(image.data.mean()) == pytest.approx(on_camera, rel=0.05)


def test_a_movies_document_names_its_fractions_and_its_defocus(dataset: Path) -> None:
    seen = set()
    for movie in movies(dataset):
        document = ET.parse(str(movie).replace("_Fractions.mrc", ".xml")).getroot()
        fractions = [element.text for element in document.iter() if element.tag.endswith("}NumberOffractions")]
        assert fractions == ["11"]
        seen.add(float(custom_data(document)["AppliedDefocus"]))
    assert len(seen) == 5
    assert all(-3e-6 < defocus < 0 for defocus in seen)


def test_documents_carry_the_moment_that_their_name_carries(dataset: Path) -> None:
    for path in image_documents(dataset):
        taken = datetime.fromisoformat(
            text_at(ET.parse(path).getroot(), "microscopeData/acquisition/acquisitionDateTime")
        )
        assert f"{taken:%Y%m%d_%H%M%S}" in path.name
        assert taken.utcoffset() == timedelta(0)


def test_identifiers_lead_from_one_file_to_the_next(dataset: Path) -> None:
    session = (dataset / "EpuSession.dm").read_text()
    for square in dataset.glob("Metadata/GridSquare_*.dm"):
        assert f"Metadata\\{square.name}" in session
    for movie in movies(dataset):
        square_folder = movie.parent.parent
        found = re.match(r"FoilHole_(\d+)_Data_(\d+)_(\d+)_", movie.name)
        assert found is not None
        hole, area, setting = found.groups()
        assert f"<b:key>{hole}</b:key>" in (dataset / "Metadata" / f"{square_folder.name}.dm").read_text()
        assert f"<b:key>{area}</b:key>" in session
        assert f">{setting}</Id>" in session
        assert list(square_folder.glob(f"FoilHoles/FoilHole_{hole}_*.xml"))


def test_a_square_that_was_never_imaged_says_so(dataset: Path) -> None:
    imaged = {path.name for path in dataset.glob("Images-Disc1/GridSquare_*")}
    idle = [path for path in dataset.glob("Metadata/*.dm") if path.stem not in imaged]
    assert len(idle) == 3
    for path in idle:
        document = ET.parse(path).getroot()
        assert [element.text for element in document.iter() if element.tag.endswith("}State")] == ["None"]
        assert 1000 < path.stat().st_size < 3000


def test_pictures_show_something(dataset: Path) -> None:
    found = sorted(dataset.glob("Images-Disc1/**/*.jpg"))
    assert len(found) == 2 + 4 + 8
    for path in found:
        with Image.open(path) as picture:
            assert picture.size == (256, 181)
            assert picture.info["comment"].decode() == path.stem
            grey = np.asarray(picture, dtype=np.float32)
        assert float(grey.std()) > 20
        # Low-pass filtered: neighbours look alike, unlike in the noise of the counts.
        neighbours = np.corrcoef(grey[:, :-1].ravel(), grey[:, 1:].ravel())[0, 1]
        assert neighbours > 0.5


def test_the_metadata_file_names_people_sample_and_instrument(dataset: Path) -> None:
    record = YAML(typ="safe").load((dataset / "SPA.yml").read_text())
    assert record["User"]["Fullname"] == "Kim Example"
    assert record["User"]["Email"] == "kim@example.org"
    assert record["User"]["NormalizedEmail"] == "KIM@EXAMPLE.ORG"
    assert record["Operator"]["Email"] == "robin@example.org"
    assert record["Sample"]["Name"] == SESSION.sample
    assert record["ProjectName"] == SESSION.project
    assert record["InstrumentName"] == SESSION.instrument
    assert record["Technique"] == "SPA"
    assert datetime.fromisoformat(record["DtCreated"]) == START
    assert "Apoferritin & friends <1>" in record["Notes"]


def test_the_metadata_file_holds_what_must_never_be_published(dataset: Path) -> None:
    text = (dataset / "SPA.yml").read_text()
    assert all(secret in text for secret in UNPUBLISHABLE)
    for path in dataset.rglob("*"):
        if path.is_file() and path.name != "SPA.yml":
            assert not [secret for secret in (*UNPUBLISHABLE, "example.org") if secret.encode() in path.read_bytes()]


def test_the_sessions_name_survives_in_xml(dataset: Path) -> None:
    document = ET.parse(dataset / "EpuSession.dm").getroot()
    epu = "{http://schemas.datacontract.org/2004/07/Applications.Epu.Persistence}"
    assert document.findtext(f"{epu}Name") == "Apoferritin & friends <1>"
    assert document.findtext(f"{epu}StartDateTime") == "2026-03-01T09:00:00.0000000Z"


@pytest.mark.parametrize(("count", "size_bytes"), [(200, 5_000_000), (60, 30_000_000), (400, 12_000_000)])
def test_the_size_asked_for_is_met_within_a_few_per_cent(tmp_path: Path, count: int, size_bytes: int) -> None:
    summary = write(Session.of_files(count, total_bytes=size_bytes), tmp_path / "dataset")
    assert summary.files == count
    assert summary.size_bytes == pytest.approx(size_bytes, rel=0.03)
