"""The XML beside each image, with the keys of EPU 3.4 on a Krios with a BioQuantum K3."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from fs2od.testing.microscope._camera import Level, Setup, setup_for
from fs2od.testing.microscope._data_contract import Content, Node, boxed, document, within
from fs2od.testing.microscope._instrument_members import (
    camera_choices,
    camera_members,
    column_members,
    metres,
    scanning_members,
    vector,
)
from fs2od.testing.microscope._names import (
    ARRAYS,
    FRACTIONS,
    MEDIA,
    SHARED,
    SOFTWARE,
    SOFTWARE_VERSION,
    TYPES,
    XSD,
    local_time,
)
from fs2od.testing.microscope._session import Session
from fs2od.testing.microscope._targets import Exposure, unique_id

__all__ = ["ImageDocuments"]


@dataclass(slots=True)
class ImageDocuments:
    """Render image documents, each kind from a template that is built once: a session has up to 50,000 of them."""

    session: Session
    rotation: float
    _templates: dict[Level, str] = field(default_factory=dict)

    def render(self, exposure: Exposure) -> bytes:
        """Write the document of one exposure."""
        template = self._templates.get(exposure.level)
        if template is None:
            template = _template(setup_for(self.session, exposure.level), self.session, self.rotation)
            self._templates[exposure.level] = template
        setup = setup_for(self.session, exposure.level)
        defocus = setup.applied_defocus_m if exposure.applied_defocus_m is None else exposure.applied_defocus_m
        position = exposure.position
        return template.format(
            unique_id=exposure.unique_id,
            acquired_at=local_time(exposure.acquired_at),
            applied_defocus=_double(defocus),
            # The lens's own value has another zero and, near focus, the other sign.
            lens_defocus=_double(-0.5 * defocus if exposure.level is Level.DATA else 0.97 * defocus),
            shift_x=_double(exposure.shift[0]),
            shift_y=_double(exposure.shift[1]),
            alpha=_double(position.alpha),
            beta=_double(position.beta),
            x=_double(position.x),
            y=_double(position.y),
            z=_double(position.z),
        ).encode()


def _double(value: float) -> str:
    return repr(value).removesuffix(".0").upper()


def _template(setup: Setup, session: Session, rotation: float) -> str:
    content: dict[str, Content] = {
        "name": "Empty",
        "uniqueID": "{unique_id}",
        "CustomData": _custom_data(setup),
        "IntensityScale": None,
        "ReferenceTransformation": {"matrix": _matrix(setup, rotation), "unit": metres()},
        "SpatialScale": {"offset": _lengths(0, 0), "pixelSize": _lengths(setup.pixel_size_m, setup.pixel_size_m)},
        "microscopeData": {
            "acquisition": _acquisition(setup),
            "core": _core(session, setup),
            "gun": _gun(),
            "instrument": _instrument(session),
            "optics": _optics(setup),
            "sample": {"Description": None, "ID": None},
            "stage": _stage(),
            "vacuum": {"ProjectionChamberPressure": 0, "SamplePressure": 0, "VacuumMode": "Ready"},
        },
    }
    return document("MicroscopeImage", content, namespace=SHARED)


def _key_values(values: dict[str, Content]) -> Node:
    return within(
        ARRAYS, [("KeyValueOfstringanyType", {"Key": key, "Value": _any(value)}) for key, value in values.items()]
    )


def _any(value: Content) -> Content:
    """Say of which type a plain value is, for a member that may hold any type."""
    match value:
        case bool():
            return boxed(value, type_name="boolean", namespace=XSD)
        case int():
            return boxed(value, type_name="int", namespace=XSD)
        case float():
            return boxed(value, type_name="double", namespace=XSD)
        case str():
            return boxed(value, type_name="string", namespace=XSD)
        case _:
            return value


def _custom_data(setup: Setup) -> Node:
    detector = "BioQuantum K3"
    return _key_values(
        {
            "DoseOnCamera": setup.dose_on_camera,
            "StemMagnification": False,
            "Aperture[C1].Name": "2000",
            "Aperture[C2].Name": "50",
            "Aperture[C3].Name": "None",
            "Aperture[OBJ].Name": setup.objective_aperture,
            "Aperture[SA].Name": "None",
            "Detectors[EF-CCD].CommercialName": detector,
            "Detectors[EF-CCD].ElectronCounted": True,
            "DoseRate": setup.dose_rate,
            "IlluminationIntensity": 0.0,
            "Dose": setup.dose_per_m2,
            "PhasePlateUsed": False,
            "BinaryResult.Detector": "EF-CCD",
            "DetectorCommercialName": detector,
            "AppliedDefocus": boxed("{applied_defocus}", type_name="double", namespace=XSD),
        }
    )


def _matrix(setup: Setup, rotation: float) -> Node:
    # A reflection followed by a rotation, scaled to one unbinned sensor pixel.
    along, across = setup.sensor_pixel_m * math.cos(rotation), setup.sensor_pixel_m * math.sin(rotation)
    return within(
        MEDIA,
        {
            "_m11": -along,
            "_m12": across,
            "_m21": across,
            "_m22": along,
            "_offsetX": 0,
            "_offsetY": across,
            "_padding": 0,
            "_type": "TRANSFORM_IS_UNKNOWN",
        },
    )


def _lengths(x: float, y: float) -> dict[str, Content]:
    return {"x": {"numericValue": x, "unit": metres()}, "y": {"numericValue": y, "unit": metres()}}


def _acquisition(setup: Setup) -> dict[str, Content]:
    fractions = boxed({"NumberOffractions": setup.frames}, type_name="EquidistantFractionation", namespace=FRACTIONS)
    scan, detector = scanning_members()
    return {
        "acquisitionDateTime": "{acquired_at}",
        "analyticalDetectors": (),
        "camera": camera_members(setup, choices=_key_values(camera_choices(setup, fractions=fractions)), inserted=True),
        "plateCamera": {"ExposureTime": 0, "Use": False},
        "scanSettings": scan,
        "scanningDetector": detector,
    }


def _core(session: Session, setup: Setup) -> dict[str, Content]:
    return {
        "ApplicationSoftware": SOFTWARE,
        "ApplicationSoftwareVersion": SOFTWARE_VERSION,
        "Guid": str(unique_id(session, f"settings/{setup.level}")),
    }


def _gun() -> dict[str, Content]:
    return {
        "AccelerationVoltage": 300_000,
        "ExtractorVoltage": 4100,
        "Filament": None,
        "GunLens": 4,
        "Sourcetype": "FieldEmission",
        "WehneltBias": None,
    }


def _instrument(session: Session) -> dict[str, Content]:
    name = session.instrument.replace("{", "{{").replace("}", "}}")
    return {
        "AcquisitionSoftware": None,
        "AcquisitionSoftwareVersion": None,
        "ComputerName": "SIMULATED-PC",
        "InstrumentID": 1001,
        "InstrumentModel": name,
    }


def _optics(setup: Setup) -> dict[str, Content]:
    return column_members(
        setup,
        {
            "BeamShift": within(TYPES, {"_x": "{shift_x}", "_y": "{shift_y}"}),
            "BeamTilt": vector(0.0125, -0.0131),
            "Defocus": "{lens_defocus}",
            "Focus": 2.9e-04,
            "IlluminationMode": "Parallel",
        },
    )


def _stage() -> dict[str, Content]:
    return {
        "Holder": "Unspecified",
        "Position": {"A": "{alpha}", "B": "{beta}", "X": "{x}", "Y": "{y}", "Z": "{z}"},
        "SampleLoader": "None",
    }
