"""The settings that EpuSession.dm holds for each kind of exposure, and for the ones that leave no file."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from fs2od.testing.microscope._camera import Level, Setup, setup_for
from fs2od.testing.microscope._data_contract import Content, Node, own, tracked, within
from fs2od.testing.microscope._instrument_members import (
    camera_choices,
    camera_members,
    column_members,
    energy_filter_members,
    scanning_members,
)
from fs2od.testing.microscope._names import ARRAYS, DRAWING, FRACTIONS, GENERIC, SERVICES, SHARED, local_time
from fs2od.testing.microscope._session import Session
from fs2od.testing.microscope._targets import Grid

__all__ = ["microscope_settings"]

_SETTINGS_BEFORE = timedelta(days=30)
_STANDARD = {bool: "System.Boolean", int: "System.Int32", str: "System.String"}
_SETTINGS_PAIR = "KeyValuePairOfExperimentSettingsIdMicroscopeSettingsCG2rZ1D8"


def microscope_settings(session: Session, grid: Grid, started_at: datetime) -> Node:
    """Write the dictionary from each kind of exposure to its settings."""
    saved_at = started_at - _SETTINGS_BEFORE
    pairs = [
        (_SETTINGS_PAIR, own(GENERIC, {"key": name, "value": _settings(name, setup, grid, saved_at)}))
        for name, setup in _setups(session).items()
    ]
    members = within(
        ARRAYS,
        _dictionary(
            version=248,
            comparer=_empty("System.Collections.Generic.EnumEqualityComparer`1[[Applications.Epu.Datamodel]]"),
            pairs=tracked(
                pairs,
                type_name="System.Collections.Generic.KeyValuePair`2[[Applications.Epu.Datamodel]][]",
                assembly="0",
                size=len(pairs),
            ),
        ),
    )
    return tracked(
        members, type_name="System.Collections.Generic.Dictionary`2[[Applications.Epu.Datamodel]]", assembly="0"
    )


def _setups(session: Session) -> dict[str, Setup]:
    square = setup_for(session, Level.GRID_SQUARE)
    data = setup_for(session, Level.DATA)
    single = replace(data, level=Level.FOIL_HOLE, super_resolution=1, exposure_s=1.0)
    return {
        "Atlas": replace(square, nominal_magnification=135, beam_diameter_m=1.1e-03, applied_defocus_m=-9.0e-04),
        "GridSquare": square,
        "Hole": setup_for(session, Level.FOIL_HOLE),
        "Acquisition": data,
        "AutoFocus": single,
        "DriftMeasurement": replace(single, exposure_s=0.5),
        "ZeroLoss": replace(single, exposure_s=0.25),
        "ThonRing": replace(single, exposure_s=2.0),
    }


def _dictionary(*, version: int, comparer: Node, pairs: Node) -> dict[str, Content]:
    # The members of a .NET dictionary belong to no namespace at all.
    return {
        "Version": own("", tracked(version, type_name="System.Int32", assembly="0")),
        "Comparer": own("", comparer),
        "HashSize": own("", tracked(17, type_name="System.Int32", assembly="0")),
        "KeyValuePairs": own("", pairs),
    }


def _empty(type_name: str) -> Node:
    return tracked("", type_name=type_name, assembly="0")


def _settings(name: str, setup: Setup, grid: Grid, saved_at: datetime) -> Node:
    members: dict[str, Content] = {
        "Acquisition": tracked(within(SHARED, _acquisition(setup, saved_at))),
        "DirectCalibrations": tracked(_calibrations(setup, grid, saved_at)),
        "DisplayName": tracked(name),
        "Optics": tracked(within(SHARED, _optics(setup))),
        "Options": tracked(_options(setup)),
    }
    return tracked(within(SERVICES, members))


def _acquisition(setup: Setup, saved_at: datetime) -> dict[str, Content]:
    scan, detector = scanning_members()
    nothing: dict[str, Content] = {"_items": tracked("", size=0), "_size": 0, "_version": 0}
    return {
        "acquisitionDateTime": local_time(saved_at),
        "analyticalDetectors": tracked(nothing),
        "camera": tracked(camera_members(setup, choices=_choices(setup), inserted=False, name=tracked("EF-CCD"))),
        "plateCamera": tracked({"ExposureTime": 1, "Use": False}),
        "scanSettings": tracked(scan),
        "scanningDetector": tracked(detector),
    }


def _choices(setup: Setup) -> Node:
    fractions = tracked(
        {"NumberOffractions": own(FRACTIONS, setup.frames)},
        type_name="Fei.Applications.Common.Omp.Interface.EquidistantFractionation",
        assembly="Fei.Applications.Common.Omp.Interface, Version=23.0.0.0, Culture=neutral, PublicKeyToken=null",
    )
    pairs = [
        ("KeyValuePairOfstringanyType", own(GENERIC, {"key": tracked(key), "value": _any(value)}))
        for key, value in camera_choices(setup, fractions=fractions).items()
    ]
    return tracked(
        _dictionary(
            version=len(pairs),
            comparer=_empty("System.Collections.Generic.GenericEqualityComparer`1[[System.String, mscorlib]]"),
            pairs=tracked(
                pairs,
                type_name="System.Collections.Generic.KeyValuePair`2[[System.String, mscorlib]][]",
                assembly="0",
                size=len(pairs),
            ),
        ),
        type_name="System.Collections.Generic.Dictionary`2[[System.String, mscorlib]]",
        assembly="0",
    )


def _any(value: Content) -> Content:
    if isinstance(value, bool | int | str):
        return tracked(value, type_name=_STANDARD[type(value)], assembly="0")
    return value


def _calibrations(setup: Setup, grid: Grid, saved_at: datetime) -> dict[str, Content]:
    measured = setup.level is not Level.DATA
    centre = grid.squares[0].position
    position: Content = {"A": centre.alpha, "B": centre.beta, "X": centre.x, "Y": centre.y, "Z": centre.z}
    beam: dict[str, Content] = {
        "MeasurementDiameter": 2.8e-05 if measured else 0,
        "MeasurementPosition": within(SHARED, position if measured else None),
        "MeasurementTime": local_time(saved_at) if measured else "0001-01-01T00:00:00",
        "Value": 0,
    }
    return {
        "CryoBoxImageBeamShift": within(DRAWING, {"x": 0, "y": 0}),
        "I0": tracked(beam),
        "ImageShift": within(DRAWING, {"height": -3.0e-06, "width": 2.0e-06}),
    }


def _optics(setup: Setup) -> dict[str, Content]:
    aperture = tracked({"Diameter": 50})
    return column_members(
        setup,
        {
            "Apertures": tracked({"C2Aperture": aperture, "C3Aperture": None}),
            "EnergyFilter": tracked(energy_filter_members(setup)),
        },
    )


def _options(setup: Setup) -> dict[str, Content]:
    return {
        "DdCameraOption": "CameraSpecificParametersAllowed",
        "IsAcquisitionModifiable": True,
        "IsC2Modifiable": setup.level is Level.GRID_SQUARE,
        "IsDefocusAllowed": True,
        "IsI0MeasurementAllowed": setup.level is not Level.DATA,
        "IsOpticsLinked": False,
        "IsOpticsModifiable": True,
        "OpticalModeFilter": setup.objective_lens_mode,
    }
