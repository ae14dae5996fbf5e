"""The token for a job: one dataset to read, for a while, from one network; and when it also writes, a space for its results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from fs2od.node.clock import Clock
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.credentials import Credentials
from fs2od.node.zone.names import require_name
from fs2od.node.zone.results import Results
from fs2od.node.zone.rights import Rights
from fs2od.node.zone.tokens import NamedToken, Tokens
from fs2od.onedata import errors, tokens
from fs2od.onedata.caveats import InterfaceName
from fs2od.onedata.ids import ProviderId, SpaceId, UserId
from fs2od.onedata.tokens import Caveat, DataPath, DataReadonly, Interface, Ip, Time

__all__ = ["DEFAULT_VALID_FOR", "Job", "JobToken", "JobTokens"]

DEFAULT_VALID_FOR = timedelta(hours=72)
_LONGEST = timedelta(days=365)


@dataclass(frozen=True)
class Job:
    """What a token is for.

    Attributes:
        name: What the token is called.
        dataset: What is read.
        valid_for: How long it works.
        networks: From where it works, addresses or ranges; empty: from everywhere.
        interface: The one way in which it works; None: any.
        with_results: Whether results are written.
        results: The space for them, if there is one already; else a new one is made,
        provider: supported at this site,
        results_name: called this, by default after the dataset,
        results_bytes: with this quota.
    """

    name: str
    dataset: SpaceId
    valid_for: timedelta = DEFAULT_VALID_FOR
    networks: tuple[str, ...] = ()
    interface: InterfaceName | None = None
    with_results: bool = False
    results: SpaceId | None = None
    provider: ProviderId | None = None
    results_name: str | None = None
    results_bytes: int | None = None


@dataclass(frozen=True)
class JobToken:
    """The token, and the space for the results. `may_write_dataset`: the token's user may write into the dataset itself."""

    token: NamedToken
    results: SpaceId | None
    may_write_dataset: bool


class JobTokens:
    """Makes tokens for jobs."""

    def __init__(
        self, rights: Rights, tokens: Tokens, credentials: Credentials, results: Results, clock: Clock
    ) -> None:
        self._rights = rights
        self._tokens = tokens
        self._credentials = credentials
        self._results = results
        self._clock = clock

    def make(self, caller: Caller, job: Job) -> JobToken:
        """Make the token of a job; and first the space for its results, where it writes some.

        Without results the token is read-only. With them it cannot be: what keeps it from writing into the dataset is that
        its user may not.

        Raises:
            Forbidden: The dataset is not the caller's to read, or the given space not theirs to write.
            Rejected: badValueIdentifierOccupied, there is a token of that name; badValueCaveat; what `Results.make` says.
        """
        self._rights.require_user(caller)
        caller.require_all_access()
        user = self._rights.require_space(caller, job.dataset, "space_read_data")
        self._require_name(user, job.name)
        limits = self._limits(job)
        results = self._space_for_results(caller, job) if job.with_results else None
        spaces = [job.dataset, *([] if results is None else [results])]
        caveats: list[Caveat] = [*limits, DataPath(tuple(f"/{space}" for space in spaces))]
        if results is None:
            caveats.append(DataReadonly())
        made = self._tokens.issue_named(user, job.name, caveats=caveats)
        held = self._rights.space_privileges(user, job.dataset) or frozenset()
        return JobToken(made, results, results is not None and "space_write_data" in held)

    def _require_name(self, user: UserId, name: str) -> None:
        require_name(name)
        try:
            self._tokens.named_by_name(user, name)
        except errors.NotFound:
            return
        raise errors.bad_value("IdentifierOccupied", "name", "is already occupied")

    def _limits(self, job: Job) -> Sequence[Caveat]:
        valid_for = min(job.valid_for, _LONGEST)
        limits: list[Caveat] = [Time(self._clock.now_s() + int(valid_for.total_seconds()))]
        if job.networks:
            limits.append(Ip(job.networks))
        if job.interface is not None:
            limits.append(Interface(job.interface))
        self._credentials.require_judgeable(limits)
        # Before anything is made, so that a mistake leaves nothing behind.
        return tokens.caveats_from_json([tokens.caveat_to_json(limit) for limit in limits])

    def _space_for_results(self, caller: Caller, job: Job) -> SpaceId:
        if job.results is not None:
            self._rights.require_space(caller, job.results, "space_write_data")
            return job.results
        if job.provider is None:
            raise errors.missing("providerId")
        return self._results.make(
            caller, job.dataset, job.provider, name=job.results_name, size_bytes=job.results_bytes
        )
