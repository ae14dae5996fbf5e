"""Names that hold line breaks, or end in one, at every address of the node and its pages."""

from __future__ import annotations
