"""The web pages: over the node's services for everybody, and over the facility's for its operator."""

from fs2od.portal._operator import operator_app
from fs2od.portal._public import public_pages
from fs2od.portal._rendering import compile_pages
from fs2od.portal._texts import Texts

__all__ = ["Texts", "compile_pages", "operator_app", "public_pages"]
