"""Tokens for jobs, beyond Onedata, below /fs2od/; none of it with `plain`. See docs/reference/jobs.md."""

from __future__ import annotations

from datetime import timedelta

from msgspec import UNSET

from fs2od.node.http import Answer, Call, Endpoint, created
from fs2od.node.zone.job_tokens import DEFAULT_VALID_FOR, Job
from fs2od.node.zone.zone import Zone
from fs2od.onedata import tokens
from fs2od.onedata.ids import SpaceId
from fs2od.onedata.wire import sites as ours

__all__ = ["endpoints"]

_MOST_S = 10**10


def endpoints(zone: Zone) -> list[Endpoint]:
    """Return the endpoints of this noun; none with `plain`."""
    if zone.settings.plain:
        return []

    def make(call: Call) -> Answer:
        zone.rights.require_user(call.caller)
        request = call.read(ours.JobTokenRequest)
        made = zone.job_tokens.make(call.caller, _job(SpaceId(call.path("id")), request))
        document = ours.JobTokenMade(
            token_id=made.token.id,
            token=made.token.token,
            caveats=tuple(map(tokens.caveat_to_json, made.token.caveats)),
            valid_until=tokens.valid_until_s(made.token.caveats) or 0,
            results_space_id=made.results,
            may_write_dataset=made.may_write_dataset,
        )
        return created(f"{zone.settings.zone_url}/api/v3/onezone/tokens/named/{made.token.id}", document)

    return [Endpoint("POST", "/fs2od/spaces/{id}/job_token", "fs2od_make_job_token", make)]


def _job(dataset: SpaceId, request: ours.JobTokenRequest) -> Job:
    valid_s = request.valid_for_s
    return Job(
        name=request.name,
        dataset=dataset,
        valid_for=DEFAULT_VALID_FOR if valid_s is UNSET else timedelta(seconds=min(valid_s, _MOST_S)),
        networks=request.networks,
        interface=request.interface,
        with_results=request.results,
        results=request.results_space_id,
        provider=request.provider_id,
        results_name=request.results_name,
        results_bytes=request.results_size,
    )
