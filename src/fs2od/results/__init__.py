"""What goes back from the user's end: files and folders put into a space, whole, checked, and resumed where they were cut off.

A room of its own beside `transfer`: that one is made into a single file of the standard library and only reads; this one
speaks through `fs2od.client`, whose retry and errors it shares.
"""

from fs2od.results._checking import digest_there
from fs2od.results._decide import Choice, Found, decide, partial_name
from fs2od.results._errors import NameTaken, NotTaken, NotWritable, TargetFull
from fs2od.results._marks import Mark, is_mark, mark, marks_in
from fs2od.results._provenance import Origin, find_origin, record_origin
from fs2od.results._put import Options, Progress, Put
from fs2od.results._report import Outcome, PutFile, PutReport
from fs2od.results._small_files import open_plain, read_json
from fs2od.results._sources import LeftOut, Source, Sources, gather
from fs2od.results._target import Target, find_target, space_of

__all__ = [
    "Choice",
    "Found",
    "LeftOut",
    "Mark",
    "NameTaken",
    "NotTaken",
    "NotWritable",
    "Options",
    "Origin",
    "Outcome",
    "Progress",
    "Put",
    "PutFile",
    "PutReport",
    "Source",
    "Sources",
    "Target",
    "TargetFull",
    "decide",
    "digest_there",
    "find_origin",
    "find_target",
    "gather",
    "is_mark",
    "mark",
    "marks_in",
    "open_plain",
    "partial_name",
    "read_json",
    "record_origin",
    "space_of",
]
