"""A SCIM 2.0 service (RFC 7643, RFC 7644): paged queries, single reads, membership and roles.

Of scim2-models we use the filter grammar (syntax checked before anything is sent, values quoted by it) and the model of
the service's own configuration. We do not use scim2-client: it turns an answer into models and an error into an
exception, and drops what this product turns on (whether the request was sent, the ETag, Retry-After, unknown attributes
as they stand), and its engines bring an HTTP client of their own, without a total deadline. So resources stay the JSON
that the service sent, and all traffic goes through ``connectors.http``.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import Field, JsonValue

from handrail.connectors.config import ConnectorKind, ServiceConfig
from handrail.connectors.finding import Finding
from handrail.connectors.http import Client, json_bytes, judge, probe, to_answer, to_reading, to_state
from handrail.connectors.http.pacing import working
from handrail.connectors.operation import Operation, not_mine
from handrail.connectors.outcome import Answer, Failure, ReadFailed, Reading
from handrail.connectors.paths import filled
from handrail.connectors.scim.changes import Effect, as_patch, patch_body
from handrail.connectors.scim.grammar import checked_filter, offered, quoted
from handrail.connectors.scim.operations import Holders, Members, Patch, Query, Read
from handrail.connectors.scim.pages import Pages
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.secrets import Secrets

MEDIA_TYPE = "application/scim+json"
_ACCEPT = {"accept": f"{MEDIA_TYPE}, application/json"}
_CONFIG_PATH = "/ServiceProviderConfig"
_OK = 200
_SHORTEST_SECONDS = 0.001  # the call itself then says that time is up


class ScimConfig(ServiceConfig):
    """``kind = "scim"``. ``base_url`` includes the version (``…/scim/v2``); a query over ``max_resources`` fails.

    ``always_shows`` and ``never_shows``: what the operator knows of the service. Without, an empty list of members is
    proved by a filter.
    """

    kind: Literal["scim"]
    always_shows: tuple[Literal["members"], ...] = ()
    never_shows: tuple[Literal["members", "roles"], ...] = ()
    page_size: int = Field(default=100, ge=1, le=1000)
    max_resources: int = Field(default=5000, ge=1, le=100_000)


class ScimConnector:
    """One configured SCIM service. Safe to share between threads."""

    kind = "scim"

    def __init__(self, name: str, client: Client, config: ScimConfig) -> None:
        self.name = name
        self._client = client
        self._config = config

    @property
    def deadline_seconds(self) -> float:
        """The total time that one call may take, unless it is given another."""
        return self._client.config.deadline_seconds

    def read(self, operation: Operation, *, deadline_seconds: float | None = None) -> Reading:
        """State for Query, Holders (lists, sorted by id), Read (one resource), Members (the group's list of members).

        The deadline is one for all pages. Raises ReadFailed; also when the list changed while it was read, when it is
        over ``max_resources``, when holders come back that do not hold the role, or another resource than was asked
        for; ``partial`` where the service doesn't show members or roles.
        """
        within = deadline_seconds or self._config.deadline_seconds
        if isinstance(operation, Query):
            return self._query(operation, within)
        if isinstance(operation, Holders):
            return self._holders(operation.role, within)
        if isinstance(operation, Read):
            return self._read(operation, within)
        if isinstance(operation, Members):
            return self._members(operation.group, within)
        raise not_mine(self.name, self.kind, operation)

    def call(self, operation: Operation, *, deadline_seconds: float | None = None) -> Answer:
        """A Read, or a change by PATCH, with whatever came of it."""
        if isinstance(operation, Read):
            return self._get(operation, deadline_seconds)
        if isinstance(operation, Effect):
            return self._patch(as_patch(operation), deadline_seconds)
        raise not_mine(self.name, self.kind, operation)

    def _get(self, read: Read, within_seconds: float | None) -> Answer:
        query = {"attributes": ",".join(read.attributes)} if read.attributes else None
        path = _resource_path(read.resource, read.id)
        return to_state(self._client.send("GET", path, query=query, headers=_ACCEPT, deadline_seconds=within_seconds))

    def _read(self, read: Read, within_seconds: float) -> Reading:
        reading = to_reading(self.name, self._get(read, within_seconds))
        if isinstance(reading.value, dict) and reading.value.get("id", read.id) != read.id:
            raise self._failed("it answered with another resource than was asked for", Failure.NOT_OURS)
        return _with_meta_version(reading)

    def _query(self, query: Query, within_seconds: float) -> Reading:
        parameters: dict[str, str] = {}
        if query.filter is not None:
            parameters["filter"] = checked_filter(query.filter)
        if query.attributes:
            parameters["attributes"] = ",".join(query.attributes)
        pages = Pages(
            name=self.name, client=self._client, page_size=self._config.page_size, cap=self._config.max_resources
        )
        return pages.gather(f"/{query.resource}", parameters, within_seconds)

    def _holders(self, role: str, within_seconds: float) -> Reading:
        if "roles" in self._config.never_shows:
            raise self._hidden("roles")
        expires_at = working() + within_seconds
        query = Query(resource="Users", filter=f"roles.value eq {quoted(role)}")
        reading = self._query(query, within_seconds)
        users = reading.value if isinstance(reading.value, list) else []
        if any(isinstance(user, dict) and not user.get("roles") for user in users):
            # ``returned: request`` (RFC 7643 §7): roles come only where they are asked for.
            asked = query.model_copy(update={"attributes": ("roles",)})
            shown = self._query(asked, _left(expires_at)).value
            users = self._with_roles(users, shown if isinstance(shown, list) else [], expires_at)
            digest = digest_bytes(json.dumps(users, sort_keys=True, separators=(",", ":")).encode())
            reading = Reading(users, None, digest, reading.status, reading.read_at)
        # A service that does not know the filter may answer with everybody; that must never pass for "holders".
        if all(_holds(user, role) for user in users):
            return reading
        raise self._failed("it answered with users that do not hold the role", Failure.NOT_OURS)

    def _with_roles(self, users: list[JsonValue], shown: list[JsonValue], expires_at: float) -> list[JsonValue]:
        """The users with their roles, asked for one by one where the list doesn't show them either."""
        roles = {user["id"]: user["roles"] for user in shown if isinstance(user, dict) and user.get("roles")}
        if {user.get("id") for user in shown if isinstance(user, dict)} != {
            user.get("id") for user in users if isinstance(user, dict)
        }:
            raise self._failed("the list changed while it was read", Failure.CHANGED)
        completed: list[JsonValue] = []
        for user in users:
            assert isinstance(user, dict)  # what Pages gathers are objects with an id
            id_ = str(user["id"])
            held = user.get("roles") or roles.get(id_) or self._roles_of(id_, _left(expires_at))
            completed.append({**user, "roles": held})
        return completed

    def _roles_of(self, user: str, within_seconds: float) -> JsonValue:
        reading = self._read(Read(resource="Users", id=user, attributes=("roles",)), within_seconds)
        roles = reading.value.get("roles") if isinstance(reading.value, dict) else None
        if not roles:
            raise self._hidden("roles")
        return roles

    def _members(self, group: str, within_seconds: float) -> Reading:
        if "members" in self._config.never_shows:
            raise self._hidden("members")
        expires_at = working() + within_seconds
        reading = self._read(Read(resource="Groups", id=group, attributes=("members",)), within_seconds)
        group_resource = reading.value if isinstance(reading.value, dict) else {}
        members = group_resource.get("members") or []
        if group_resource.get("id") != group or not isinstance(members, list):
            raise self._failed("it answered with something other than the group")
        if not members and "members" not in self._config.always_shows:
            self._prove_empty(group, _left(expires_at))
        return Reading(members, reading.version, reading.digest, reading.status, reading.read_at)

    def _prove_empty(self, group: str, within_seconds: float) -> None:
        """Some services never show members. Raises ReadFailed unless the filter too says that the group has none."""
        query = Query(resource="Groups", filter=f"id eq {quoted(group)} and members pr", attributes=("displayName",))
        try:
            found = self._query(query, within_seconds).value
        except ReadFailed as error:
            if error.retryable:
                raise
            raise self._hidden("members") from None
        if found:
            raise self._hidden("members")

    def _hidden(self, what: str) -> ReadFailed:
        declare = ' If it always does, set always_shows = ["members"].' if what == "members" else ""
        message = f"{self.name} could not be read: nothing proves that it shows {what}.{declare}"
        return ReadFailed(message, failure=Failure.PARTIAL, status=_OK, retryable=False)

    def _failed(self, why: str, failure: Failure | None = None) -> ReadFailed:
        retryable = failure is Failure.CHANGED
        return ReadFailed(f"{self.name} could not be read: {why}.", failure=failure, status=_OK, retryable=retryable)

    def _patch(self, patch: Patch, deadline_seconds: float | None) -> Answer:
        return to_answer(
            self._client.send(
                "PATCH",
                _resource_path(patch.resource, patch.id),
                headers={**_ACCEPT, "content-type": MEDIA_TYPE},
                content=json_bytes(patch_body(patch)),
                deadline_seconds=deadline_seconds,
            )
        )

    def check(self) -> list[Finding]:
        """Whether the service answers, takes the credentials, and supports PATCH and filters."""
        exchange = self._client.send("GET", _CONFIG_PATH, headers=_ACCEPT)
        reachable = judge(self.name, exchange, _CONFIG_PATH, must_exist=True)
        if not reachable.ok:
            return [reachable]
        found = offered(to_answer(exchange).body)
        if found is None:
            fix = "Check that base_url is the root of a SCIM 2.0 service, often ending in /scim/v2."
            return [Finding(self.name, ok=False, message=f"GET {_CONFIG_PATH} is not SCIM.", fix=fix)]
        # The service's own description is often open to everybody; only a resource shows whether the secret is right.
        return [
            probe(self.name, self._client, "/Users?count=1", must_exist=True),
            self._feature("PATCH", found.patch),
            self._feature("filters", found.filters),
        ]

    def _feature(self, what: str, supported: bool) -> Finding:
        if supported:
            return Finding(self.name, ok=True, message=f"The service supports {what}.")
        return Finding(
            self.name,
            ok=False,
            message=f"The service says that it does not support {what}.",
            fix=f"Turn {what} on in the service, or use no runbook that needs it here.",
        )


def _left(expires_at: float) -> float:
    return max(expires_at - working(), _SHORTEST_SECONDS)


def _resource_path(resource: str, id_: str) -> str:
    return filled(f"/{resource}/{{id}}", "id", id_)


def _holds(user: JsonValue, role: str) -> bool:
    roles = user.get("roles") if isinstance(user, dict) else None
    return isinstance(roles, list) and any(
        isinstance(item, dict) and str(item.get("value", "")).casefold() == role.casefold() for item in roles
    )


def _with_meta_version(reading: Reading) -> Reading:
    """``meta.version`` is the same token as the ETag (RFC 7643 §3.1); some services send only the former."""
    meta = reading.value.get("meta") if isinstance(reading.value, dict) else None
    version = meta.get("version") if isinstance(meta, dict) else None
    if reading.version is not None or not isinstance(version, str):
        return reading
    return Reading(reading.value, version, reading.digest, reading.status, reading.read_at)


def open_connector(name: str, config: Any, secrets: Secrets) -> ScimConnector:
    """A connector for a ScimConfig. Raises Misconfigured for a missing secret or CA file."""
    return ScimConnector(name, Client(config, secrets), config)


KINDS = (ConnectorKind("scim", ScimConfig, open_connector),)
