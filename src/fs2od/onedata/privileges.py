"""Privileges: the closed sets of words for spaces, groups, clusters and the zone, and the bundles that Onedata suggests.

Source: the REST contract's semantics (spaces and groups, 21.02), Onezone's API description 21.02.7 (clusters and zone).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TypeVar

from fs2od.onedata.errors import bad_value, not_allowed

__all__ = [
    "CLUSTER_ADMIN",
    "CLUSTER_MANAGER",
    "CLUSTER_MEMBER",
    "GROUP_ADMIN",
    "GROUP_MANAGER",
    "GROUP_MEMBER",
    "SPACE_ADMIN",
    "SPACE_MANAGER",
    "SPACE_MEMBER",
    "ZONE_ADMIN",
    "ZONE_VIEWER",
    "ClusterPrivilege",
    "GroupPrivilege",
    "SpacePrivilege",
    "ZonePrivilege",
    "listed",
    "parse_cluster_privileges",
    "parse_group_privileges",
    "parse_space_privileges",
    "parse_zone_privileges",
]


class SpacePrivilege(StrEnum):
    """What a member may do in a space."""

    VIEW = "space_view"
    UPDATE = "space_update"
    DELETE = "space_delete"
    VIEW_PRIVILEGES = "space_view_privileges"
    SET_PRIVILEGES = "space_set_privileges"
    MANAGE_IN_MARKETPLACE = "space_manage_in_marketplace"
    READ_DATA = "space_read_data"
    WRITE_DATA = "space_write_data"
    REGISTER_FILES = "space_register_files"
    MANAGE_SHARES = "space_manage_shares"
    VIEW_VIEWS = "space_view_views"
    MANAGE_VIEWS = "space_manage_views"
    QUERY_VIEWS = "space_query_views"
    VIEW_STATISTICS = "space_view_statistics"
    VIEW_CHANGES_STREAM = "space_view_changes_stream"
    VIEW_TRANSFERS = "space_view_transfers"
    SCHEDULE_REPLICATION = "space_schedule_replication"
    CANCEL_REPLICATION = "space_cancel_replication"
    SCHEDULE_EVICTION = "space_schedule_eviction"
    CANCEL_EVICTION = "space_cancel_eviction"
    VIEW_QOS = "space_view_qos"
    MANAGE_QOS = "space_manage_qos"
    ADD_USER = "space_add_user"
    REMOVE_USER = "space_remove_user"
    ADD_GROUP = "space_add_group"
    REMOVE_GROUP = "space_remove_group"
    ADD_SUPPORT = "space_add_support"
    REMOVE_SUPPORT = "space_remove_support"
    ADD_HARVESTER = "space_add_harvester"
    REMOVE_HARVESTER = "space_remove_harvester"
    MANAGE_DATASETS = "space_manage_datasets"
    VIEW_ARCHIVES = "space_view_archives"
    CREATE_ARCHIVES = "space_create_archives"
    MANAGE_ARCHIVES = "space_manage_archives"
    REMOVE_ARCHIVES = "space_remove_archives"
    RECALL_ARCHIVES = "space_recall_archives"
    VIEW_ATM_WORKFLOW_EXECUTIONS = "space_view_atm_workflow_executions"
    SCHEDULE_ATM_WORKFLOW_EXECUTIONS = "space_schedule_atm_workflow_executions"
    MANAGE_ATM_WORKFLOW_EXECUTIONS = "space_manage_atm_workflow_executions"


class GroupPrivilege(StrEnum):
    """What a member may do in a group."""

    VIEW = "group_view"
    UPDATE = "group_update"
    DELETE = "group_delete"
    VIEW_PRIVILEGES = "group_view_privileges"
    SET_PRIVILEGES = "group_set_privileges"
    ADD_PARENT = "group_add_parent"
    LEAVE_PARENT = "group_leave_parent"
    ADD_CHILD = "group_add_child"
    REMOVE_CHILD = "group_remove_child"
    ADD_USER = "group_add_user"
    REMOVE_USER = "group_remove_user"
    ADD_SPACE = "group_add_space"
    LEAVE_SPACE = "group_leave_space"
    ADD_CLUSTER = "group_add_cluster"
    LEAVE_CLUSTER = "group_leave_cluster"
    CREATE_HANDLE_SERVICE = "group_create_handle_service"
    LEAVE_HANDLE_SERVICE = "group_leave_handle_service"
    CREATE_HANDLE = "group_create_handle"
    LEAVE_HANDLE = "group_leave_handle"
    ADD_HARVESTER = "group_add_harvester"
    REMOVE_HARVESTER = "group_remove_harvester"
    ADD_ATM_INVENTORY = "group_add_atm_inventory"
    REMOVE_ATM_INVENTORY = "group_remove_atm_inventory"


class ClusterPrivilege(StrEnum):
    """What a member may do in a cluster, through its panel."""

    VIEW = "cluster_view"
    UPDATE = "cluster_update"
    DELETE = "cluster_delete"
    VIEW_PRIVILEGES = "cluster_view_privileges"
    SET_PRIVILEGES = "cluster_set_privileges"
    ADD_USER = "cluster_add_user"
    REMOVE_USER = "cluster_remove_user"
    ADD_GROUP = "cluster_add_group"
    REMOVE_GROUP = "cluster_remove_group"


class ZonePrivilege(StrEnum):
    """What a user may do in the whole zone, beyond what is their own."""

    VIEW_PRIVILEGES = "oz_view_privileges"
    SET_PRIVILEGES = "oz_set_privileges"
    TOKENS_MANAGE = "oz_tokens_manage"
    USERS_LIST = "oz_users_list"
    USERS_VIEW = "oz_users_view"
    USERS_CREATE = "oz_users_create"
    USERS_MANAGE_PASSWORDS = "oz_users_manage_passwords"
    USERS_UPDATE = "oz_users_update"
    USERS_DELETE = "oz_users_delete"
    USERS_LIST_RELATIONSHIPS = "oz_users_list_relationships"
    USERS_ADD_RELATIONSHIPS = "oz_users_add_relationships"
    USERS_REMOVE_RELATIONSHIPS = "oz_users_remove_relationships"
    GROUPS_LIST = "oz_groups_list"
    GROUPS_VIEW = "oz_groups_view"
    GROUPS_CREATE = "oz_groups_create"
    GROUPS_UPDATE = "oz_groups_update"
    GROUPS_DELETE = "oz_groups_delete"
    GROUPS_VIEW_PRIVILEGES = "oz_groups_view_privileges"
    GROUPS_SET_PRIVILEGES = "oz_groups_set_privileges"
    GROUPS_LIST_RELATIONSHIPS = "oz_groups_list_relationships"
    GROUPS_ADD_RELATIONSHIPS = "oz_groups_add_relationships"
    GROUPS_REMOVE_RELATIONSHIPS = "oz_groups_remove_relationships"
    SPACES_LIST = "oz_spaces_list"
    SPACES_VIEW = "oz_spaces_view"
    SPACES_CREATE = "oz_spaces_create"
    SPACES_UPDATE = "oz_spaces_update"
    SPACES_DELETE = "oz_spaces_delete"
    SPACES_VIEW_PRIVILEGES = "oz_spaces_view_privileges"
    SPACES_SET_PRIVILEGES = "oz_spaces_set_privileges"
    SPACES_LIST_RELATIONSHIPS = "oz_spaces_list_relationships"
    SPACES_ADD_RELATIONSHIPS = "oz_spaces_add_relationships"
    SPACES_REMOVE_RELATIONSHIPS = "oz_spaces_remove_relationships"
    SHARES_LIST = "oz_shares_list"
    SHARES_VIEW = "oz_shares_view"
    SHARES_CREATE = "oz_shares_create"
    SHARES_UPDATE = "oz_shares_update"
    SHARES_DELETE = "oz_shares_delete"
    PROVIDERS_LIST = "oz_providers_list"
    PROVIDERS_VIEW = "oz_providers_view"
    PROVIDERS_UPDATE = "oz_providers_update"
    PROVIDERS_DELETE = "oz_providers_delete"
    PROVIDERS_LIST_RELATIONSHIPS = "oz_providers_list_relationships"
    PROVIDERS_INVITE = "oz_providers_invite"
    HANDLE_SERVICES_LIST = "oz_handle_services_list"
    HANDLE_SERVICES_VIEW = "oz_handle_services_view"
    HANDLE_SERVICES_CREATE = "oz_handle_services_create"
    HANDLE_SERVICES_UPDATE = "oz_handle_services_update"
    HANDLE_SERVICES_DELETE = "oz_handle_services_delete"
    HANDLE_SERVICES_VIEW_PRIVILEGES = "oz_handle_services_view_privileges"
    HANDLE_SERVICES_SET_PRIVILEGES = "oz_handle_services_set_privileges"
    HANDLE_SERVICES_LIST_RELATIONSHIPS = "oz_handle_services_list_relationships"
    HANDLE_SERVICES_ADD_RELATIONSHIPS = "oz_handle_services_add_relationships"
    HANDLE_SERVICES_REMOVE_RELATIONSHIPS = "oz_handle_services_remove_relationships"
    HANDLES_LIST = "oz_handles_list"
    HANDLES_VIEW = "oz_handles_view"
    HANDLES_CREATE = "oz_handles_create"
    HANDLES_UPDATE = "oz_handles_update"
    HANDLES_DELETE = "oz_handles_delete"
    HANDLES_VIEW_PRIVILEGES = "oz_handles_view_privileges"
    HANDLES_SET_PRIVILEGES = "oz_handles_set_privileges"
    HANDLES_LIST_RELATIONSHIPS = "oz_handles_list_relationships"
    HANDLES_ADD_RELATIONSHIPS = "oz_handles_add_relationships"
    HANDLES_REMOVE_RELATIONSHIPS = "oz_handles_remove_relationships"
    HARVESTERS_LIST = "oz_harvesters_list"
    HARVESTERS_VIEW = "oz_harvesters_view"
    HARVESTERS_CREATE = "oz_harvesters_create"
    HARVESTERS_UPDATE = "oz_harvesters_update"
    HARVESTERS_DELETE = "oz_harvesters_delete"
    HARVESTERS_VIEW_PRIVILEGES = "oz_harvesters_view_privileges"
    HARVESTERS_SET_PRIVILEGES = "oz_harvesters_set_privileges"
    HARVESTERS_LIST_RELATIONSHIPS = "oz_harvesters_list_relationships"
    HARVESTERS_ADD_RELATIONSHIPS = "oz_harvesters_add_relationships"
    HARVESTERS_REMOVE_RELATIONSHIPS = "oz_harvesters_remove_relationships"
    CLUSTERS_LIST = "oz_clusters_list"
    CLUSTERS_VIEW = "oz_clusters_view"
    CLUSTERS_UPDATE = "oz_clusters_update"
    CLUSTERS_VIEW_PRIVILEGES = "oz_clusters_view_privileges"
    CLUSTERS_SET_PRIVILEGES = "oz_clusters_set_privileges"
    CLUSTERS_LIST_RELATIONSHIPS = "oz_clusters_list_relationships"
    CLUSTERS_ADD_RELATIONSHIPS = "oz_clusters_add_relationships"
    CLUSTERS_REMOVE_RELATIONSHIPS = "oz_clusters_remove_relationships"


SPACE_MEMBER = frozenset(
    {
        SpacePrivilege.VIEW,
        SpacePrivilege.READ_DATA,
        SpacePrivilege.WRITE_DATA,
        SpacePrivilege.VIEW_TRANSFERS,
    }
)
"""What a new member of a space gets."""
SPACE_MANAGER = SPACE_MEMBER | {
    SpacePrivilege.VIEW_PRIVILEGES,
    SpacePrivilege.REGISTER_FILES,
    SpacePrivilege.MANAGE_SHARES,
    SpacePrivilege.VIEW_VIEWS,
    SpacePrivilege.QUERY_VIEWS,
    SpacePrivilege.VIEW_STATISTICS,
    SpacePrivilege.VIEW_CHANGES_STREAM,
    SpacePrivilege.SCHEDULE_REPLICATION,
    SpacePrivilege.VIEW_QOS,
    SpacePrivilege.ADD_USER,
    SpacePrivilege.REMOVE_USER,
    SpacePrivilege.ADD_GROUP,
    SpacePrivilege.REMOVE_GROUP,
    SpacePrivilege.ADD_HARVESTER,
    SpacePrivilege.REMOVE_HARVESTER,
    SpacePrivilege.MANAGE_DATASETS,
    SpacePrivilege.VIEW_ARCHIVES,
    SpacePrivilege.CREATE_ARCHIVES,
    SpacePrivilege.MANAGE_ARCHIVES,
    SpacePrivilege.VIEW_ATM_WORKFLOW_EXECUTIONS,
    SpacePrivilege.SCHEDULE_ATM_WORKFLOW_EXECUTIONS,
}
"""What suits those who look after a space's data and members."""
SPACE_ADMIN = frozenset(SpacePrivilege)
"""Everything."""

GROUP_MEMBER = frozenset({GroupPrivilege.VIEW})
"""What a new member of a group gets."""
GROUP_MANAGER = GROUP_MEMBER | {
    GroupPrivilege.VIEW_PRIVILEGES,
    GroupPrivilege.ADD_PARENT,
    GroupPrivilege.LEAVE_PARENT,
    GroupPrivilege.ADD_CHILD,
    GroupPrivilege.REMOVE_CHILD,
    GroupPrivilege.ADD_USER,
    GroupPrivilege.REMOVE_USER,
    GroupPrivilege.ADD_HARVESTER,
    GroupPrivilege.REMOVE_HARVESTER,
}
"""What suits those who look after a group's members."""
GROUP_ADMIN = frozenset(GroupPrivilege)
"""Everything."""

CLUSTER_MEMBER = frozenset({ClusterPrivilege.VIEW})
"""What a new member of a cluster gets."""
CLUSTER_MANAGER = CLUSTER_MEMBER | {
    ClusterPrivilege.ADD_USER,
    ClusterPrivilege.REMOVE_USER,
    ClusterPrivilege.ADD_GROUP,
    ClusterPrivilege.REMOVE_GROUP,
}
"""What suits those who look after a cluster's members."""
CLUSTER_ADMIN = frozenset(ClusterPrivilege)
"""Everything."""

ZONE_VIEWER = frozenset(
    {
        ZonePrivilege.USERS_LIST,
        ZonePrivilege.USERS_VIEW,
        ZonePrivilege.USERS_LIST_RELATIONSHIPS,
        ZonePrivilege.GROUPS_LIST,
        ZonePrivilege.GROUPS_VIEW,
        ZonePrivilege.GROUPS_LIST_RELATIONSHIPS,
        ZonePrivilege.SPACES_LIST,
        ZonePrivilege.SPACES_VIEW,
        ZonePrivilege.SPACES_LIST_RELATIONSHIPS,
        ZonePrivilege.SHARES_LIST,
        ZonePrivilege.SHARES_VIEW,
        ZonePrivilege.PROVIDERS_LIST,
        ZonePrivilege.PROVIDERS_VIEW,
        ZonePrivilege.PROVIDERS_LIST_RELATIONSHIPS,
        ZonePrivilege.HANDLE_SERVICES_LIST,
        ZonePrivilege.HANDLE_SERVICES_VIEW,
        ZonePrivilege.HANDLE_SERVICES_LIST_RELATIONSHIPS,
        ZonePrivilege.HANDLES_LIST,
        ZonePrivilege.HANDLES_VIEW,
        ZonePrivilege.HANDLES_LIST_RELATIONSHIPS,
        ZonePrivilege.HARVESTERS_LIST,
        ZonePrivilege.HARVESTERS_VIEW,
        ZonePrivilege.HARVESTERS_LIST_RELATIONSHIPS,
        ZonePrivilege.CLUSTERS_LIST,
        ZonePrivilege.CLUSTERS_VIEW,
        ZonePrivilege.CLUSTERS_LIST_RELATIONSHIPS,
    }
)
"""What suits those who watch a zone."""
ZONE_ADMIN = frozenset(ZonePrivilege)
"""Everything."""

Privilege = TypeVar("Privilege", SpacePrivilege, GroupPrivilege, ClusterPrivilege, ZonePrivilege)


def parse_space_privileges(value: object, *, key: str = "privileges") -> frozenset[SpacePrivilege]:
    """Read a list of space privileges out of a request.

    Raises:
        ServiceError: badValueListOfStrings: it is no list of texts; badValueListNotAllowed: it holds an unknown word.
    """
    return _parse(SpacePrivilege, value, key)


def parse_group_privileges(value: object, *, key: str = "privileges") -> frozenset[GroupPrivilege]:
    """Read a list of group privileges out of a request.

    Raises:
        ServiceError: badValueListOfStrings: it is no list of texts; badValueListNotAllowed: it holds an unknown word.
    """
    return _parse(GroupPrivilege, value, key)


def parse_cluster_privileges(value: object, *, key: str = "privileges") -> frozenset[ClusterPrivilege]:
    """Read a list of cluster privileges out of a request.

    Raises:
        ServiceError: badValueListOfStrings: it is no list of texts; badValueListNotAllowed: it holds an unknown word.
    """
    return _parse(ClusterPrivilege, value, key)


def parse_zone_privileges(value: object, *, key: str = "privileges") -> frozenset[ZonePrivilege]:
    """Read a list of the zone's privileges out of a request.

    Raises:
        ServiceError: badValueListOfStrings: it is no list of texts; badValueListNotAllowed: it holds an unknown word.
    """
    return _parse(ZonePrivilege, value, key)


def listed(privileges: Iterable[Privilege]) -> list[str]:
    """Return privileges as they stand in an answer: sorted words, each once."""
    return sorted({privilege.value for privilege in privileges})


def _parse(kind: type[Privilege], value: object, key: str) -> frozenset[Privilege]:
    if not isinstance(value, list | tuple | set | frozenset) or not all(isinstance(word, str) for word in value):
        raise bad_value("ListOfStrings", key, "must be a list of strings")
    known = {privilege.value: privilege for privilege in kind}
    if not known.keys() >= set(value):
        raise not_allowed(key, known, is_list=True)
    return frozenset(known[word] for word in value)
