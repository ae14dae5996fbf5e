"""EpuSession.dm: the session with its settings, its squares and the template of acquisition areas."""

from __future__ import annotations

from datetime import datetime, timedelta

from fs2od.testing.microscope._camera import DEFOCUS_LIST_M, Level, Setup, setup_for
from fs2od.testing.microscope._data_contract import Content, Node, document, own, same_as, tracked, within
from fs2od.testing.microscope._names import (
    ARRAYS,
    COMMON_TYPES,
    DRAWING,
    EPU,
    GENERIC,
    MEDIA,
    SHARED,
    SOFTWARE_VERSION,
    SYSTEM,
    UNITS,
    local_time,
    utc_time,
)
from fs2od.testing.microscope._session import Session
from fs2od.testing.microscope._settings_members import microscope_settings
from fs2od.testing.microscope._targets import Area, Grid, Square

__all__ = ["session_document"]

_ALIGNED_BEFORE = timedelta(minutes=15)
_SQUARE_PAIR = "KeyValuePairOfintSerializedReferenceOfGridSquareXml_PsqDC3X0m6koiAE_P"
_AREA_PAIR = "KeyValuePairOfintDataAcquisitionAreaXmlBpEWF4JT"


def session_document(session: Session, grid: Grid, started_at: datetime) -> bytes:
    """Write EpuSession.dm as EPU does while a session runs: it has no end date, and never gets one."""
    assembly = f"Applications.Epu.Persistence, Version={SOFTWARE_VERSION}, Culture=neutral, PublicKeyToken=null"
    root = tracked(
        _session_members(session, grid, started_at),
        type_name="Applications.Epu.Persistence.EpuSessionXml",
        assembly=assembly,
    )
    return document("EpuSessionXml", root, namespace=EPU, tracks_objects=True).encode()


def _session_members(session: Session, grid: Grid, started_at: datetime) -> dict[str, Content]:
    return {
        "Id": _id(grid.session_id),
        "AutoFocusEnabled": False,
        "AutoStageTimeEnabled": False,
        "AutoZeroLossEnabled": True,
        "AutoZeroLossPeriodicity": "PT2H",
        "AutoloaderDescription": tracked("simulated"),
        "AutoloaderSlot": 3,
        "ClusteringMode": "ClusteringWithImageBeamShift",
        "ClusteringRadius": 1.0e-05,
        "DMPSession": _data_management(),
        "DoseFractionsOutputFormat": tracked("Mrc Non-Gain normalized"),
        "EmailNotificationEnabled": False,
        "EnableSmartHoleSelection": False,
        "ImageFileFormat": "Mrc",
        "IsManuallySelected": True,
        "MicroscopeName": None,
        "Name": tracked(session.name, label="name"),
        "NumberOfTargetLocationsToSelect": None,
        "PhasePlateAccelerateEnabled": False,
        "PhasePlateActivationTime": "PT20S",
        "PhasePlateEnabled": False,
        "PhasePlatePeriodicity": 50,
        "RecipientsEmailList": None,
        "RemoveHolesCloseToGridBarOnAutomaticRun": True,
        "Samples": _list("SampleXml", tracked(_sample(session, grid, started_at))),
        "SkipGridSquareEnabled": False,
        "StartDateTime": utc_time(started_at),
        "StorageFolders": _list("StorageFolderXml", tracked(_storage_folder(grid))),
        "Version": tracked(within(SYSTEM, {"_Build": 0, "_Major": 3, "_Minor": 0, "_Revision": 0})),
    }


def _id(number: int) -> Node:
    return own(COMMON_TYPES, number)


def _list(name: str, only: Node) -> Node:
    """Write a .NET list that holds one item and has room for three more."""
    items = [(name, only), *[(name, None)] * 3]
    return tracked({"_items": tracked(items, size=4), "_size": 1, "_version": 1})


def _data_management() -> Node:
    nothing = "nothing"
    names = ("Dataset", "Experiment", "Project", "Workflow", "Workstep")
    members: dict[str, Content] = {"AcquisitionRunId": tracked("", label=nothing)}
    for name in names:
        members[f"{name}Id"] = same_as(nothing)
        members[f"{name}Name"] = same_as(nothing)
    return tracked(
        members,
        type_name="Applications.SciencesAppsShared.DMP.BusinessLogic.Persistence.DMPSessionXml",
        assembly="Applications.SciencesAppsShared.DMP.BusinessLogic, Version=1.0.0.0, Culture=neutral, "
        "PublicKeyToken=null",
    )


def _storage_folder(grid: Grid) -> dict[str, Content]:
    return {
        "Id": _id(grid.session_id + 1),
        "DiscId": 1,
        "Path": tracked("X:\\simulated"),
        "SessionName": same_as("name"),
    }


def _sample(session: Session, grid: Grid, started_at: datetime) -> dict[str, Content]:
    return {
        "Id": _id(grid.session_id + 2),
        "AlignmentTimeStamp": local_time(started_at - _ALIGNED_BEFORE),
        "AllowDarkFoilHolesOnGridSquareMagnification": False,
        "AtlasId": tracked("X:\\simulated\\atlas\\Sample3\\Atlas\\Atlas.dm"),
        "EndDateTime": None,
        "FilterGridSquaresSettings": tracked(_filter(grid.session_id + 3, 0, 65535)),
        "FilterHolesSettings": tracked(_hole_filter(grid)),
        "GridSquares": tracked(within(ARRAYS, _squares(grid.squares))),
        "GridType": "HoleyCarbon",
        "MicroscopeSettings": microscope_settings(session, grid, started_at),
        "SpecimenCarrierKind": None,
        "StartDateTime": local_time(started_at),
        "TargetAreaTemplate": tracked(_template(session, grid)),
    }


def _filter(number: int, lowest: float, highest: float) -> dict[str, Content]:
    return {
        "Id": _id(number),
        "I0": 0,
        "IsCalibrated": False,
        "MaximumIntensity": highest,
        "MinimumIntensity": lowest,
        "ReferenceBeamCurrent": None,
    }


def _hole_filter(grid: Grid) -> dict[str, Content]:
    limits = _filter(grid.session_id + 4, 410.0, 690.0)
    return {
        "Id": limits.pop("Id"),
        "HoleSize": 1.2e-06,
        "HoleSpacing": 2.5e-06,
        **limits,
        "Rotation": grid.rotation,
    }


def _comparer() -> Node:
    name = "System.Collections.Generic.GenericEqualityComparer`1[[System.Int32, mscorlib]]"
    return tracked("", label="comparer", type_name=name, assembly="0")


def _dictionary(comparer: Node, pairs: Node) -> dict[str, Content]:
    return {
        "m_comparer": comparer,
        "m_keyRehashCount": 0,
        "m_serializationArray": pairs,
        "m_serializationCapacity": 1021,
        "m_serializationConcurrencyLevel": 64,
    }


def _squares(squares: tuple[Square, ...]) -> dict[str, Content]:
    pairs = [(_SQUARE_PAIR, _square_pair(square)) for square in squares]
    return _dictionary(_comparer(), tracked(within(GENERIC, pairs), size=len(pairs)))


def _square_pair(square: Square) -> dict[str, Content]:
    reference = tracked(within(COMMON_TYPES, {"FileName": tracked(f"Metadata\\GridSquare_{square.id}.dm")}))
    return {"key": square.id, "value": reference}


def _template(session: Session, grid: Grid) -> dict[str, Content]:
    setup = setup_for(session, Level.FOIL_HOLE)
    return {
        "Id": _id(grid.session_id + 5),
        "AutoFocusArea": tracked(_focus_area(grid)),
        "DataAcquisitionAreas": tracked(within(ARRAYS, _areas(session, grid.areas))),
        "DelayAfterImageShift": 0.5,
        "DelayAfterStageShift": 5,
        "DriftStabilizationArea": None,
        "MaximumImageShift": 6.0e-06,
        "PhysicalTransformation": within(SHARED, {"matrix": _matrix(setup), "unit": _metres()}),
        "TemplateImagePixelSize": within(DRAWING, {"height": setup.pixel_size_m, "width": setup.pixel_size_m}),
    }


def _focus_area(grid: Grid) -> dict[str, Content]:
    return {
        "Id": _id(grid.session_id + 6),
        "FocusWith": tracked("ObjectiveLens"),
        "Recurrence": tracked("AfterCentering"),
        "RecurrenceDistance": 9.0e-06,
        "ShiftInPixels": within(DRAWING, {"height": 480.5, "width": -760.25}),
        "UseAutoStigmate": False,
    }


def _areas(session: Session, areas: tuple[Area, ...]) -> dict[str, Content]:
    exposure_s = setup_for(session, Level.DATA).exposure_s
    pairs = [(_AREA_PAIR, _area_pair(area, exposure_s, first=area is areas[0])) for area in areas]
    return _dictionary(same_as("comparer"), tracked(within(GENERIC, pairs), size=len(pairs)))


def _area_pair(area: Area, exposure_s: float, *, first: bool) -> dict[str, Content]:
    rows, columns = area.shift
    setting: dict[str, Content] = {
        "Id": _id(area.setting_id),
        "Defocus": own(EPU, _defocus_list()) if first else own(EPU, same_as("defocus")),
        "ExposureTime": own(EPU, exposure_s),
    }
    value: dict[str, Content] = {
        "Id": _id(area.id),
        "ImageAcquisitionSettingXml": own(EPU, tracked(setting)),
        "ShiftInPixels": own(EPU, within(DRAWING, {"height": rows, "width": columns})),
    }
    return {"key": area.id, "value": tracked(value)}


def _defocus_list() -> Node:
    values = [("double", defocus) for defocus in DEFOCUS_LIST_M]
    return tracked(within(ARRAYS, values), label="defocus", type_name="System.Double[]", assembly="0", size=len(values))


def _matrix(setup: Setup) -> Node:
    along = setup.sensor_pixel_m
    return within(
        MEDIA,
        {
            "_m11": -along,
            "_m12": 0,
            "_m21": 0,
            "_m22": along,
            "_offsetX": 0,
            "_offsetY": 0,
            "_padding": 0,
            "_type": "TRANSFORM_IS_UNKNOWN",
        },
    )


def _metres() -> Node:
    members: dict[str, Content] = {
        "_x003C_PrefixExponent_x003E_k__BackingField": 1,
        "_x003C_Symbol_x003E_k__BackingField": tracked("m"),
    }
    return within(UNITS, members)
