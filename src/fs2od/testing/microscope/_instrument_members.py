"""The members that describe camera and column, as both the image documents and the session document hold them."""

from __future__ import annotations

from collections.abc import Mapping

from fs2od.testing.microscope._camera import Level, Setup
from fs2od.testing.microscope._data_contract import Content, Node, within
from fs2od.testing.microscope._names import DRAWING, TYPES, UNITS

__all__ = [
    "camera_choices",
    "camera_members",
    "column_members",
    "energy_filter_members",
    "metres",
    "scanning_members",
    "vector",
]


def vector(x: float, y: float) -> Node:
    """Write a pair of the column's deflector values."""
    return within(TYPES, {"_x": x, "_y": y})


def metres() -> Node:
    """Write the unit metre."""
    return within(
        UNITS,
        {
            "_x003C_PrefixExponent_x003E_k__BackingField": 1,
            "_x003C_Symbol_x003E_k__BackingField": "m",
        },
    )


def camera_choices(setup: Setup, *, fractions: Content) -> dict[str, Content]:
    """List the camera's own settings; `fractions` describes a movie, None a single image."""
    return {
        "AlignIntegratedImageEnabled": False,
        "SuperResolutionFactor": setup.super_resolution,
        "FractionationSettings": fractions if setup.level is Level.DATA else None,
        "ElectronCountingEnabled": True,
        "ApplyDefinedShutter": True,
        "CetaFramesSummed": 1,
        "CetaNoiseReductionEnabled": False,
        "FixedReadoutArea": "Full",
    }


def camera_members(setup: Setup, *, choices: Content, inserted: bool, name: Content = "EF-CCD") -> dict[str, Content]:
    """Describe the camera: what it read out, how long, and with which settings."""
    rows, columns = setup.frame_shape
    return {
        "Binning": within(DRAWING, {"x": setup.binning, "y": setup.binning}),
        "CameraLocation": "EnergyFilter",
        "CameraSpecificInput": choices,
        "DarkGainCorrection": "None",
        "ExposureTime": setup.exposure_s,
        "Inserted": inserted,
        "Name": name,
        "PreExposurePauseTime": 0,
        "PreExposureSupported": False,
        "PreExposureTime": 0,
        "ReadoutArea": within(DRAWING, {"height": rows, "width": columns, "x": 0, "y": 0}),
        "Shutter": "PreSpecimen",
    }


def scanning_members() -> tuple[dict[str, Content], dict[str, Content]]:
    """Describe scan and scanning detector, which a transmission session does not use."""
    nothing = {"height": 0, "width": 0}
    settings: dict[str, Content] = {
        "DwellTime": 0,
        "ReducedArea": within(DRAWING, None),
        "Resolution": within(DRAWING, nothing),
        "ScanArea": within(DRAWING, {**nothing, "x": 0, "y": 0}),
        "ScanRotation": 0,
    }
    detector: dict[str, Content] = {
        "DetectorType": "SecondaryElectrons",
        "Gain": None,
        "Inserted": False,
        "Name": None,
        "Offset": None,
    }
    return settings, detector


def energy_filter_members(setup: Setup) -> dict[str, Content]:
    """Describe the energy filter."""
    return {
        "AccelerationVoltageOffset": 0,
        "DriftTubeVoltage": 0,
        "EnergySelectionSlitInserted": setup.slit_inserted,
        "EnergySelectionSlitWidth": setup.slit_width_ev,
        "EnergyShift": 0,
        "EntranceApertureDiameter": None,
        "EntranceApertureType": None,
    }


def column_members(setup: Setup, changes: Mapping[str, Content]) -> dict[str, Content]:
    """Describe the column; `changes` says what is not as in a resting column."""
    resting: dict[str, Content] = {
        "Apertures": None,
        "BeamConvergence": None,
        "BeamDiameter": setup.beam_diameter_m,
        "BeamShift": vector(0, 0),
        "BeamTilt": vector(0, 0),
        "Cameralength": 0,
        "ColumnOperatingMode": "TEM",
        "ColumnOperatingTemSubMode": "BrightField",
        "CondenserStigmator": vector(0, 0),
        "Defocus": setup.applied_defocus_m,
        "DiffractionFocus": 0,
        "DiffractionShift": vector(0, 0),
        "DiffractionStigmator": vector(0, 0),
        "EFTEMOn": True,
        "EnergyFilter": energy_filter_members(setup),
        "Focus": 0,
        "GunStigmator": within(TYPES, None),
        "IlluminationMode": None,
        "IlluminationProbeSubMode": None,
        "ImageShift": vector(0, 0),
        "Intensity": 0,
        "ObjectiveLensMode": setup.objective_lens_mode,
        "ObjectiveStigmator": vector(0, 0),
        "ProbeMode": setup.probe_mode,
        "ProjectorMode": "Imaging",
        "SpotIndex": setup.spot_index,
        "StemDefocus": 0,
        "StemFieldOfView": None,
        "StemMagnification": None,
        "TemMagnification": {"NominalMagnification": setup.nominal_magnification},
    }
    return resting | dict(changes)
