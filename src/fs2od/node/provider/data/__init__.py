"""The data's plain addresses on the provider's origin, for the tools that people have: wget, rclone, aria2, curl, browsers."""

from fs2od.node.provider.data.routes import discovery_routes, file_routes

__all__ = ["discovery_routes", "file_routes"]
