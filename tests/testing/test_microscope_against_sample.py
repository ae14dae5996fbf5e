"""Our session beside a real one: the same kinds of names, the same keys in every document."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from xml.parsers import expat

import pytest

from fs2od.testing.microscope import Session, write

SHARED_FOLDER = Path(__file__).resolve().parents[3] / "shared"
SAMPLE = SHARED_FOLDER / "microscopy" / "samples" / "epu-3.4-k3" / "session"
START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
DOCUMENTS = ("GridSquare_*/GridSquare_*.xml", "GridSquare_*/FoilHoles/*.xml", "GridSquare_*/Data/*.xml")
# What formats.md says that readers look for in EpuSession.dm.
SESSION_KEYS = (
    "Id",
    "Name",
    "StartDateTime",
    "AutoloaderSlot",
    "ClusteringMode",
    "ClusteringRadius",
    "DoseFractionsOutputFormat",
    "PhasePlateEnabled",
    "RecipientsEmailList",
    "StorageFolders",
    "Samples/_items/SampleXml/AtlasId",
    "Samples/_items/SampleXml/GridType",
    "Samples/_items/SampleXml/StartDateTime",
    "Samples/_items/SampleXml/EndDateTime",
    "Samples/_items/SampleXml/TargetAreaTemplate",
    "Samples/_items/SampleXml/MicroscopeSettings",
)

pytestmark = pytest.mark.skipif(not SAMPLE.is_dir(), reason="the real session is not beside this repository")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ours") / "dataset"
    session = Session(grid_squares=2, holes_per_square=2, images_per_hole=5, frame_shape=(24, 32), picture_width=32)
    write(session, folder, start=START)
    return folder


def keys(document: Path) -> set[str]:
    """List every element and attribute by its path, with the prefixes as they are written."""
    found: set[str] = set()
    open_elements: list[str] = []
    parser = expat.ParserCreate()

    def opened(name: str, attributes: dict[str, str]) -> None:
        open_elements.append(name)
        path = "/".join(open_elements)
        found.update((path, *(f"{path}@{attribute}" for attribute in attributes)))

    def closed(_name: str) -> None:
        open_elements.pop()

    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    parser.Parse(document.read_bytes(), True)
    return found


def dictionary_keys(document: Path) -> list[str]:
    return re.findall(r"<(?:a:Key|key)(?: [^>]*)?>([A-Z][^<]*)</", document.read_text())


def only(folder: Path, pattern: str) -> Path:
    return min(folder.glob(f"Images-Disc1/{pattern}"))


def shape(path: Path) -> str:
    """Reduce a name to its pattern: numbers become their number of digits."""
    return re.sub(r"\d+", lambda match: f"<{len(match[0])}>", path.as_posix())


@pytest.mark.parametrize("pattern", DOCUMENTS)
def test_image_documents_have_the_same_keys(dataset: Path, pattern: str) -> None:
    assert keys(only(dataset, pattern)) == keys(only(SAMPLE, pattern))


@pytest.mark.parametrize("pattern", DOCUMENTS)
def test_image_documents_have_the_same_custom_data(dataset: Path, pattern: str) -> None:
    ours = dictionary_keys(only(dataset, pattern))
    assert ours == dictionary_keys(only(SAMPLE, pattern))
    assert len(ours) == 24


def test_the_session_document_has_the_same_elements(dataset: Path) -> None:
    ours, real = keys(dataset / "EpuSession.dm"), keys(SAMPLE / "EpuSession.dm")
    assert {key for key in ours if "@" not in key} == {key for key in real if "@" not in key}
    assert {f"EpuSessionXml/{key}" for key in SESSION_KEYS} <= ours
    assert ours - real == set()
    # The real one refers back to an equal text or empty list where ours writes it again.
    assert {key.split("@")[1] for key in real - ours} == {"z:Ref", "i:nil"}


def test_the_session_document_has_the_same_settings(dataset: Path) -> None:
    ours, real = (dictionary_keys(folder / "EpuSession.dm") for folder in (dataset, SAMPLE))
    assert ours == real


def test_file_names_follow_the_same_patterns(dataset: Path) -> None:
    ours = {shape(path.relative_to(dataset)) for path in dataset.rglob("*") if path.is_file()}
    real = {shape(path.relative_to(SAMPLE)) for path in SAMPLE.rglob("*") if path.is_file()}
    assert real <= ours
    more = {Path(name).name for name in ours - real}
    assert more == {
        "SPA.yml",
        "GridSquare_<8>.dm",
        "GridSquare_<8>_<6>.mrc",
        "FoilHole_<8>_<8>_<6>.mrc",
        "FoilHole_<8>_Data_<8>_<8>_<8>_<6>.mrc",
        "FoilHole_<8>_Data_<8>_<8>_<8>_<6>_Fractions.mrc",
    }


def test_documents_begin_as_the_real_ones_do(dataset: Path) -> None:
    for pattern in DOCUMENTS:
        assert (
            only(dataset, pattern).read_bytes()[:16] == only(SAMPLE, pattern).read_bytes()[:16] == b"<MicroscopeImage"
        )
    ours = (dataset / "EpuSession.dm").read_bytes()
    assert ours.startswith(b'<EpuSessionXml z:Id="1" z:Type="Applications.Epu.Persistence.EpuSessionXml" z:Assembly=')


def test_nothing_that_identifies_the_real_session_is_in_ours(dataset: Path) -> None:
    real = "".join(path.read_text() for path in (SAMPLE / "EpuSession.dm", *sorted(SAMPLE.rglob("*.xml"))))
    identifiers = set(re.findall(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}|TITAN\d+|[a-z]{2}\d{5}-\d+|\b\d{8}\b", real))
    assert len(identifiers) > 200
    for path in dataset.rglob("*"):
        if path.suffix in {".xml", ".dm", ".yml"}:
            words = set(re.findall(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}|[A-Za-z]+\d+|\b\d{8}\b", path.read_text()))
            assert not words & identifiers


@pytest.mark.parametrize("pattern", DOCUMENTS)
def test_dose_rates_relate_to_doses_as_in_the_real_session(dataset: Path, pattern: str) -> None:
    def ratio(document: Path) -> float:
        text = document.read_text()
        dose, rate = (
            float(re.findall(rf"<a:Key>{key}</a:Key><a:Value[^>]*>([^<]+)<", text)[0])
            for key in ("DoseOnCamera", "DoseRate")
        )
        exposure = float(re.findall(r"<ExposureTime>([^<]+)<", text)[0])
        binning = int(re.findall(r"<a:x>(\d+)</a:x><a:y>", text)[0])
        factor = int(re.findall(r"SuperResolutionFactor</a:Key><a:Value[^>]*>(\d+)<", text)[0])
        return dose / exposure / rate / (binning * factor) ** 2

    assert ratio(only(SAMPLE, pattern)) == pytest.approx(1, rel=0.01)
    assert ratio(only(dataset, pattern)) == pytest.approx(1, rel=1e-6)
