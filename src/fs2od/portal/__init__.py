"""The web pages: `public` over the node's services for everybody, `operator` over the facility's for its operator.

Each is loaded by itself: the two are served by processes of their own.
"""

from fs2od.portal._rendering import compile_pages
from fs2od.portal._texts import Texts

__all__ = ["Texts", "compile_pages"]
