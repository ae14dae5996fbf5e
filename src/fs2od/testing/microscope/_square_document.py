"""Metadata/GridSquare_<id>.dm: one square, its place on the grid and its holes.

No such file was at hand; the keys are those that public readers of EPU sessions look up.
"""

from __future__ import annotations

from fs2od.testing.microscope._camera import Level, setup_for
from fs2od.testing.microscope._data_contract import Content, document, own, tracked, within
from fs2od.testing.microscope._names import (
    ARRAYS,
    COMMON_TYPES,
    DRAWING,
    EPU,
    GENERIC,
    SHARED,
    SOFTWARE_VERSION,
    local_time,
)
from fs2od.testing.microscope._session import Session
from fs2od.testing.microscope._targets import Exposure, Hole, Position, Square

__all__ = ["square_document"]

_HOLE_PAIR = "KeyValuePairOfintTargetLocationXmlBpEWF4JT"
_HOLE_DIAMETER_M = 1.2e-06


def square_document(session: Session, square: Square, overview: Exposure | None) -> bytes:
    """Write one square's metadata; `overview` is None as long as, or if ever, the square was not imaged."""
    root = tracked(
        _members(session, square, overview),
        type_name="Applications.Epu.Persistence.GridSquareXml",
        assembly=f"Applications.Epu.Persistence, Version={SOFTWARE_VERSION}, Culture=neutral, PublicKeyToken=null",
    )
    return document("GridSquareXml", root, namespace=EPU, tracks_objects=True).encode()


def _members(session: Session, square: Square, overview: Exposure | None) -> dict[str, Content]:
    imaged = overview is not None
    path = None if overview is None else tracked("X:\\simulated\\" + str(overview.stem).replace("/", "\\") + ".xml")
    return {
        "Id": own(COMMON_TYPES, square.id),
        "AcquisitionDateTime": None if overview is None else local_time(overview.acquired_at),
        "AtlasNodeId": square.id,
        "CenteringStatus": "Centered" if imaged else "None",
        "GridSquareImagePath": path,
        "IsMarked": False,
        "Position": within(SHARED, _place(square.position)),
        "Rotation": square.rotation,
        "Selected": bool(square.holes),
        "State": "Imaged" if imaged else "None",
        "TargetLocations": tracked(
            {
                "Id": own(COMMON_TYPES, square.id + 1),
                "TargetLocationsEfficient": tracked(within(ARRAYS, _holes(session, square, imaged=imaged))),
            }
        ),
        "Unusable": False,
    }


def _place(position: Position) -> dict[str, Content]:
    return {"A": position.alpha, "B": position.beta, "X": position.x, "Y": position.y, "Z": position.z}


def _holes(session: Session, square: Square, *, imaged: bool) -> dict[str, Content]:
    pairs = [(_HOLE_PAIR, _hole_pair(session, square, hole)) for hole in square.holes] if imaged else []
    return {
        "m_keyRehashCount": 0,
        "m_serializationArray": tracked(within(GENERIC, pairs), size=len(pairs)),
        "m_serializationCapacity": 1021,
        "m_serializationConcurrencyLevel": 64,
    }


def _hole_pair(session: Session, square: Square, hole: Hole) -> dict[str, Content]:
    setup = setup_for(session, Level.GRID_SQUARE)
    rows, columns = setup.frame_shape
    diameter = _HOLE_DIAMETER_M / setup.pixel_size_m
    members: dict[str, Content] = {
        "Id": own(COMMON_TYPES, hole.id),
        "IsNearGridBar": own(EPU, False),
        "IsPositionCorrected": own(EPU, True),
        "PixelCenter": own(
            EPU,
            within(
                DRAWING,
                {
                    "x": columns / 2 + (hole.position.x - square.position.x) / setup.pixel_size_m,
                    "y": rows / 2 + (hole.position.y - square.position.y) / setup.pixel_size_m,
                },
            ),
        ),
        "PixelWidthHeight": own(EPU, within(DRAWING, {"height": diameter, "width": diameter})),
        "Selected": own(EPU, True),
        "StagePosition": own(EPU, within(SHARED, _place(hole.position))),
    }
    return {"key": hole.id, "value": tracked(members)}
