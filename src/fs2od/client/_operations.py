"""Every call that the client can make, with what may be done with it: repeated, made without a token, redirected."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal
from urllib.parse import quote

from fs2od.onedata.errors import bad_value, error_of

__all__ = ["OPERATIONS", "Operation", "ServiceName"]

ServiceName = Literal["onezone", "oneprovider", "onepanel", "cdmi"]
_PARAMETER = re.compile(r"\{([a-z_]+)\}")
_MANY_SEGMENTS = frozenset({"path", "subpath"})


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path of a service.

    Attributes:
        service: Whose it is.
        operation_id: Its operationId in Onedata's OpenAPI file of that service; CDMI has none, so that its are ours.
        method: The HTTP method.
        path: The path below `/api/v3/<service>`, or `/cdmi`, with `{parameters}`.
        repeatable: Whether it may be sent again when no answer came: the second time changes nothing more.
        public: Whether it is for everyone, so that no token is sent with it.
        redirected: Whether a redirect is followed.
    """

    service: ServiceName
    operation_id: str
    method: str
    path: str
    repeatable: bool
    public: bool = False
    redirected: bool = False

    @property
    def is_ours(self) -> bool:
        """Whether only our own node has it."""
        return self.operation_id.startswith("fs2od_")

    def url_path(self, values: Mapping[str, str]) -> str:
        """Return the path on the server, every parameter's value quoted.

        Raises:
            Rejected: badValueIdentifier or badValueFilePath: a value is empty, or "." or "..", and would lead elsewhere.
        """
        filled = _PARAMETER.sub(lambda found: _quoted(found[1], values[found[1]]), self.path)
        base = "/cdmi" if self.service == "cdmi" else f"/api/v3/{self.service}"
        return f"{base}{filled.rstrip('/')}"


def _quoted(name: str, value: str) -> str:
    if name in _MANY_SEGMENTS:
        return "/".join(map(_quoted_segment, value.split("/"))) if value else ""
    if value in {"", ".", ".."}:
        raise bad_value("Identifier", name, "is not a valid identifier")
    return quote(value, safe="")


def _quoted_segment(segment: str) -> str:
    if segment in {"", ".", ".."}:
        raise error_of("badValueFilePath", "Bad value: the path has an empty part, '.' or '..'.")
    return quote(segment, safe="")


def _gets(service: ServiceName, rows: str, *, public: bool = False, redirected: bool = False) -> Iterable[Operation]:
    for row in rows.strip().splitlines():
        operation_id, path = row.split()
        yield Operation(service, operation_id, "GET", path, repeatable=True, public=public, redirected=redirected)


def _others(service: ServiceName, rows: str, *, repeatable: bool, public: bool = False) -> Iterable[Operation]:
    for row in rows.strip().splitlines():
        operation_id, method, path = row.split()
        yield Operation(service, operation_id, method, path, repeatable=repeatable, public=public)


_ZONE = (
    *_gets(
        "onezone",
        """
        get_configuration /configuration
        health /health
        get_public_share_details /shares/{id}/public
        """,
        public=True,
    ),
    *_gets("onezone", "get_shared_data /shares/data/{file_id}/{subpath}", public=True, redirected=True),
    *_gets(
        "onezone",
        """
        get_current_user /user
        list_user_groups /user/groups
        list_effective_user_groups /user/effective_groups
        list_user_spaces /user/spaces
        list_effective_user_spaces /user/effective_spaces
        list_effective_user_providers /user/effective_providers
        list_current_user_admin_privileges /user/privileges
        list_current_user_effective_admin_privileges /user/effective_privileges
        oz_users_list /users
        get_user /users/{id}
        get_group /groups/{id}
        list_group_users /groups/{id}/users
        list_effective_group_users /groups/{id}/effective_users
        list_child_groups /groups/{id}/children
        list_parent_groups /groups/{id}/parents
        list_group_spaces /groups/{id}/spaces
        list_user_group_privileges /groups/{id}/users/{uid}/privileges
        get_space /spaces/{id}
        list_space_users /spaces/{id}/users
        list_space_groups /spaces/{id}/groups
        list_space_providers /spaces/{id}/providers
        list_space_shares /spaces/{id}/shares
        fs2od_list_results /fs2od/spaces/{id}/results
        fs2od_list_space_invites /fs2od/spaces/{id}/invites
        fs2od_get_link /fs2od/shares/{id}/rule
        fs2od_get_space_link_rule /fs2od/spaces/{id}/link_rule
        list_group_space_privileges /spaces/{id}/groups/{gid}/privileges
        list_user_space_privileges /spaces/{id}/users/{uid}/privileges
        get_share /shares/{id}
        oz_providers_list /providers
        get_provider_details /providers/{id}
        list_provider_supported_spaces /providers/{id}/spaces
        get_named_token /tokens/named/{id}
        get_named_token_status /tokens/named/{id}/status
        list_named_tokens_of_user /users/{id}/tokens/named
        list_named_tokens_of_current_user /user/tokens/named
        get_named_token_of_user_by_name /users/{id}/tokens/named/name/{name}
        get_named_token_of_current_user_by_name /user/tokens/named/name/{name}
        """,
    ),
    *_others(
        "onezone",
        """
        infer_access_token_scope POST /tokens/infer_access_token_scope
        examine_token POST /tokens/examine
        confine_token POST /tokens/confine
        verify_access_token POST /tokens/verify_access_token
        verify_identity_token POST /tokens/verify_identity_token
        verify_invite_token POST /tokens/verify_invite_token
        """,
        repeatable=True,
        public=True,
    ),
    *_others(
        "onezone",
        """
        toggle_user_access_block PATCH /users/{id}/access_block
        modify_group PATCH /groups/{id}
        remove_group DELETE /groups/{id}
        add_group_user PUT /groups/{id}/users/{uid}
        remove_group_user DELETE /groups/{id}/users/{uid}
        update_user_group_privileges PATCH /groups/{id}/users/{uid}/privileges
        update_child_group_privileges PATCH /groups/{id}/children/{cid}/privileges
        add_child_group PUT /groups/{id}/children/{cid}
        remove_child_group DELETE /groups/{id}/children/{cid}
        modify_space PATCH /spaces/{id}
        remove_space DELETE /spaces/{id}
        leave_space DELETE /user/spaces/{sid}
        leave_group DELETE /user/groups/{gid}
        add_space_user PUT /spaces/{id}/users/{uid}
        remove_space_user DELETE /spaces/{id}/users/{uid}
        update_user_space_privileges PATCH /spaces/{id}/users/{uid}/privileges
        add_group_to_space PUT /spaces/{id}/groups/{gid}
        fs2od_set_space_link_rule PUT /fs2od/spaces/{id}/link_rule
        fs2od_set_link PUT /fs2od/shares/{id}/rule
        fs2od_end_invite POST /fs2od/invites/{id}/end
        remove_space_group DELETE /spaces/{id}/groups/{gid}
        update_group_space_privileges PATCH /spaces/{id}/groups/{gid}/privileges
        modify_share PATCH /shares/{id}
        modify_named_token PATCH /tokens/named/{id}
        delete_named_token DELETE /tokens/named/{id}
        remove_provider DELETE /providers/{id}
        revoke_all_temporary_tokens_of_current_user DELETE /user/tokens/temporary
        """,
        repeatable=True,
    ),
    *_others(
        "onezone",
        """
        create_user_group POST /user/groups
        join_group POST /user/groups/join
        create_user_space POST /user/spaces
        join_space POST /user/spaces/join
        create_group POST /groups
        create_child_group POST /groups/{id}/children
        create_space_for_group POST /groups/{id}/spaces
        group_join_space POST /groups/{id}/spaces/join
        join_parent_group POST /groups/{id}/parents/join
        create_named_token_for_user POST /users/{id}/tokens/named
        create_named_token_for_current_user POST /user/tokens/named
        create_temporary_token_for_user POST /users/{id}/tokens/temporary
        create_temporary_token_for_current_user POST /user/tokens/temporary
        fs2od_create_space_invite POST /fs2od/spaces/{id}/invites
        """,
        repeatable=False,
    ),
)
_SITES = (
    *_gets(
        "onezone",
        """
        list_user_clusters /user/clusters
        get_cluster /clusters/{id}
        list_cluster_users /clusters/{id}/users
        get_cluster_user /clusters/{id}/users/{uid}
        list_user_cluster_privileges /clusters/{id}/users/{uid}/privileges
        fs2od_list_sites /fs2od/sites
        fs2od_list_support_requests /fs2od/spaces/{id}/support_requests
        """,
    ),
    *_others("onezone", "fs2od_withdraw_support_request DELETE /fs2od/support_requests/{rid}", repeatable=True),
    *_others("onezone", "remove_cluster_user DELETE /clusters/{id}/users/{uid}", repeatable=True),
    *_others("onezone", "user_join_cluster POST /user/clusters/join", repeatable=False),
    *_others(
        "onezone",
        """
        fs2od_add_site POST /fs2od/sites
        fs2od_request_support POST /fs2od/spaces/{id}/support_requests
        fs2od_make_job_token POST /fs2od/spaces/{id}/job_token
        """,
        repeatable=False,
    ),
    *_gets(
        "onepanel",
        """
        fs2od_get_offer /fs2od/offer
        fs2od_get_direct_reading /fs2od/storages/{id}/direct
        fs2od_get_ending /fs2od/spaces/{id}/ending
        fs2od_list_support_requests_at_site /fs2od/support_requests
        """,
    ),
    *_others(
        "onepanel",
        """
        fs2od_set_offer PUT /fs2od/offer
        fs2od_set_direct_reading PUT /fs2od/storages/{id}/direct
        """,
        repeatable=True,
    ),
    *_others(
        "onepanel",
        """
        fs2od_approve_support_request POST /fs2od/support_requests/{rid}/approve
        fs2od_decline_support_request POST /fs2od/support_requests/{rid}/decline
        """,
        repeatable=False,
    ),
)
_PROVIDER = (
    *_gets(
        "oneprovider",
        """
        get_configuration /configuration
        health /health
        """,
        public=True,
    ),
    *_gets(
        "oneprovider",
        """
        get_all_spaces /spaces
        get_space /spaces/{sid}
        get_all_transfers /spaces/{sid}/transfers
        get_attrs /data/{id}
        list_children /data/{id}/children
        list_files_recursively /data/{id}/files
        get_json_metadata /data/{id}/metadata/json
        get_rdf_metadata /data/{id}/metadata/rdf
        get_xattrs /data/{id}/metadata/xattrs
        get_data_distribution /data/{id}/distribution
        fs2od_get_checksum /fs2od/data/{id}/checksum
        fs2od_get_replication /fs2od/spaces/{sid}/replication
        fs2od_get_wishes /fs2od/spaces/{sid}/wishes
        get_file_qos_summary /data/{id}/qos/summary
        get_share /shares/{shid}
        get_qos_requirement /qos_requirements/{qid}
        get_transfer_status /transfers/{tid}
        """,
    ),
    *_gets("oneprovider", "download_file_content /data/{id}/content", redirected=True),
    *_others(
        "oneprovider",
        """
        lookup_file_id POST /lookup-file-id/{path}
        fs2od_make_wish POST /fs2od/spaces/{sid}/wishes
        fs2od_drop_wish DELETE /fs2od/spaces/{sid}/wishes/{pid}
        evaluate_qos_expression POST /spaces/{sid}/evaluate_qos_expression
        set_attr PUT /data/{id}
        update_file_content PUT /data/{id}/content
        fs2od_begin_upload PUT /fs2od/data/{id}/upload
        remove_file DELETE /data/{id}
        remove_file_at_path DELETE /data/{id}/path/{path}
        set_json_metadata PUT /data/{id}/metadata/json
        remove_json_metadata DELETE /data/{id}/metadata/json
        set_rdf_metadata PUT /data/{id}/metadata/rdf
        remove_rdf_metadata DELETE /data/{id}/metadata/rdf
        set_xattr PUT /data/{id}/metadata/xattrs
        remove_xattrs DELETE /data/{id}/metadata/xattrs
        update_share PATCH /shares/{shid}
        remove_share DELETE /shares/{shid}
        remove_qos_requirement DELETE /qos_requirements/{qid}
        cancel_transfer DELETE /transfers/{tid}
        """,
        repeatable=True,
    ),
    *_others(
        "oneprovider",
        """
        create_file POST /data/{id}/children
        create_file_at_path PUT /data/{id}/path/{path}
        create_share POST /shares
        add_qos_requirement POST /qos_requirements
        create_transfer POST /transfers
        rerun_transfer POST /transfers/{tid}/rerun
        """,
        repeatable=False,
    ),
)
_PANEL = (
    *_gets("onepanel", "get_configuration /configuration", public=True),
    *_gets(
        "onepanel",
        """
        get_provider /provider
        get_storages /provider/storages
        get_storage_details /provider/storages/{id}
        get_provider_spaces /provider/spaces
        get_space_details /provider/spaces/{id}
        get_auto_storage_import_info /provider/spaces/{id}/storage-import/auto/info
        """,
    ),
    *_others(
        "onepanel",
        """
        modify_storage PATCH /provider/storages/{id}
        remove_storage DELETE /provider/storages/{id}
        modify_space PATCH /provider/spaces/{id}
        revoke_space_support DELETE /provider/spaces/{id}
        """,
        repeatable=True,
    ),
    *_others(
        "onepanel",
        """
        add_onezone_user POST /zone/users
        add_storage POST /provider/storages
        support_space POST /provider/spaces
        force_start_auto_storage_import_scan POST /provider/spaces/{id}/storage-import/auto/force-start
        force_stop_auto_storage_import_scan POST /provider/spaces/{id}/storage-import/auto/force-stop
        """,
        repeatable=False,
    ),
)

_CDMI = _others("cdmi", "cdmi_put PUT /{path}", repeatable=False)

OPERATIONS: Mapping[tuple[ServiceName, str], Operation] = MappingProxyType(
    {
        (operation.service, operation.operation_id): operation
        for operation in (*_ZONE, *_SITES, *_PROVIDER, *_PANEL, *_CDMI)
    }
)
"""Every call that the client can make, by service and operationId."""
