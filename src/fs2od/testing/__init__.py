"""What our tests and other people's tests use: a microscope that writes.

Each part is a package of its own, imported by its name: `from fs2od.testing import microscope`.
"""

from fs2od.testing import microscope

__all__ = ["microscope"]
