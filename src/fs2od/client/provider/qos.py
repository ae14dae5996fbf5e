"""QoS requirements: how many copies of a file there are to be, and where."""

from __future__ import annotations

from fs2od.client._service import Service
from fs2od.onedata import wire
from fs2od.onedata.ids import FileId, QosRequirementId, SpaceId

__all__ = ["QosRequirements"]


class QosRequirements:
    """The requirements on the files of a provider's spaces."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def add(self, file: FileId, expression: str, *, replicas: int = 1) -> QosRequirementId:
        """Require copies of a file, or of all below a directory (POST P/qos_requirements). Two calls make two.

        Args:
            file: Of what.
            expression: On which storages, such as "anyStorage" or "geo=PL & type=disk".
            replicas: On how many of them, the one where the file is now included.

        Raises:
            Rejected: invalidQosExpression: correct the expression; details["reason"] says what is wrong.
            Forbidden: The user may not (space_manage_qos).
        """
        document = wire.QosRequirementRequest(file_id=file, expression=expression, replicas_num=replicas)
        created = await self._service.read("add_qos_requirement", wire.QosRequirementCreated, document=document)
        return created.qos_requirement_id

    async def get(self, requirement: QosRequirementId) -> wire.QosRequirementDetails:
        """Return a requirement and how it stands (GET P/qos_requirements/{qid}).

        Raises:
            NotFound: There is no such requirement.
        """
        return await self._service.read("get_qos_requirement", wire.QosRequirementDetails, ids={"qid": requirement})

    async def delete(self, requirement: QosRequirementId) -> None:
        """Require it no longer; copies stay where they are (DELETE P/qos_requirements/{qid}).

        Raises:
            NotFound: It is gone already, perhaps by a try whose answer was lost.
        """
        await self._service.do("remove_qos_requirement", ids={"qid": requirement})

    async def summary(self, file: FileId) -> wire.QosSummary:
        """Return how all requirements on a file stand (GET P/data/{id}/qos/summary).

        Raises:
            PosixError: enoent: there is no such file.
            Forbidden: The user may not see them (space_view_qos).
        """
        return await self._service.read("get_file_qos_summary", wire.QosSummary, ids={"id": file})

    async def evaluate(self, space: SpaceId, expression: str) -> tuple[wire.MatchingStorage, ...]:
        """Return the storages of a space that match (POST P/spaces/{sid}/evaluate_qos_expression).

        Raises:
            Rejected: invalidQosExpression: correct the expression; details["reason"] says what is wrong.
        """
        document, ids = wire.QosExpressionRequest(expression=expression), {"sid": space}
        answer = await self._service.read("evaluate_qos_expression", wire.MatchingStorages, ids=ids, document=document)
        return answer.matching_storages
