"""How requests become calls and answers become responses; knows no noun of Onedata."""

from fs2od.node.http.endpoints import Answer, Call, Endpoint, created, done, json_answer, mount

__all__ = ["Answer", "Call", "Endpoint", "created", "done", "json_answer", "mount"]
