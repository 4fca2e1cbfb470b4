"""The vendor's restricted intake lanes: one delivery per manifest digest, its receipt, consumption and withdrawal.

``PUT /lane/{lane}/deliveries/{digest}`` takes the package's bytes; a repeat gives the same receipt and stores nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from handrail.kernel.canonical import digest_bytes
from handrail.kernel.clock import now
from handrail.sandbox import wire
from handrail.sandbox.faults import disturbed
from handrail.sandbox.routing import Route, route
from handrail.sandbox.services.records import text_field
from handrail.sandbox.state import EstateState
from handrail.sandbox.wire import Reply, Request

LANES = ("vendor-signing-intake", "vendor-second-intake")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class LaneService:
    def __init__(self, estate: EstateState) -> None:
        self._estate = estate
        self.reset()

    def reset(self) -> None:
        self._deliveries: dict[tuple[str, str], dict[str, Any]] = {}
        self._packages: dict[tuple[str, str], bytes] = {}
        self._replies: dict[tuple[str, str], list[str]] = {}
        self._recalls: dict[tuple[str, str], dict[str, str]] = {}

    def routes(self) -> list[Route]:
        one = "/lane/{lane}/deliveries/{digest}"
        return [
            route("lane", "GET", "/lane/{lane}", self._about),
            route("lane", "PUT", one, self._deliver),
            route("lane", "GET", one, self._status),
            route("lane", "POST", one + "/withdraw", self._withdraw),
            route("lane", "GET", one + "/replies", self._replied),
            route("lane", "PUT", one + "/recalls/{statement}", self._recall),
            route("control", "POST", one + "/reply", self._reply),
            route("control", "GET", one + "/recalls", self._recalled),
            route("control", "GET", "/lane/{lane}/deliveries", self._list),
            route("control", "GET", one + "/package", self._package),
            route("control", "POST", one + "/consume", self._consume),
        ]

    def _about(self, request: Request) -> Reply:
        if request.params["lane"] not in LANES:
            return wire.problem(404, "not-found", "No such lane.")
        return wire.json_reply(200, {"lane": request.params["lane"], "accepts": "application/zip"})

    def _deliver(self, request: Request) -> Reply:
        lane, digest = request.params["lane"], request.params["digest"]
        if lane not in LANES:
            return wire.problem(404, "not-found", "No such lane.")
        if not _DIGEST.fullmatch(digest) or not request.body:
            raise wire.BadRequest("a package and the digest of its manifest are needed")
        return disturbed(self._estate.faults.take("lane.deliver", lane), lambda: self._take(lane, digest, request.body))

    def _take(self, lane: str, digest: str, package: bytes) -> Reply:
        with self._estate.lock:
            known = self._deliveries.get((lane, digest))
            if known is not None:
                if known["state"] == "withdrawn" and not known["package_digest"]:
                    return wire.json_reply(200, known)
                if known["package_digest"] != digest_bytes(package):
                    return wire.problem(409, "other-package", "Another package was delivered for this manifest.")
                return wire.json_reply(200, known)
            receipt = self._record(lane, digest, "delivered") | {
                "receipt": f"RCPT-{len(self._deliveries) + 1:05}",
                "package_digest": digest_bytes(package),
                "bytes": len(package),
                "received_at": now().isoformat(),
            }
            self._deliveries[lane, digest] = receipt
            self._packages[lane, digest] = package
            self._estate.effects.record(service="lane", key=digest, tenant="", what=f"delivered to {lane}")
            return wire.json_reply(201, receipt)

    @staticmethod
    def _record(lane: str, digest: str, state: str) -> dict[str, Any]:
        """How one manifest stands, without a package yet."""
        return {
            "receipt": "",
            "lane": lane,
            "manifest_digest": digest,
            "package_digest": "",
            "bytes": 0,
            "state": state,
            "received_at": None,
            "consumed_at": None,
            "notices": [],
        }

    def _status(self, request: Request) -> Reply:
        lane = request.params["lane"]
        return disturbed(self._estate.faults.take("lane.status", lane), lambda: self._change(request, lambda _: None))

    def _withdraw(self, request: Request) -> Reply:
        """Takes back what was not consumed; leaves a notice with what was. What comes after it is not taken."""
        lane, digest = request.params["lane"], request.params["digest"]
        if lane not in LANES or not _DIGEST.fullmatch(digest):
            return wire.problem(404, "not-found", "No such lane or delivery.")
        notice = {"at": now().isoformat(), "reason": text_field(request.json(), "reason")}

        def withdraw(delivery: dict[str, Any]) -> None:
            if delivery["state"] == "delivered":
                delivery["state"] = "withdrawn"
            if notice["reason"] not in [known["reason"] for known in delivery["notices"]]:
                delivery["notices"].append(notice)

        def known() -> Reply:
            with self._estate.lock:
                self._deliveries.setdefault((lane, digest), self._record(lane, digest, "withdrawn"))
            return self._change(request, withdraw)

        return disturbed(self._estate.faults.take("lane.withdraw", lane), known)

    def _consume(self, request: Request) -> Reply:
        """The vendor opens the package. What was withdrawn can't be opened."""

        def consume(delivery: dict[str, Any]) -> None:
            if delivery["state"] == "delivered":
                delivery |= {"state": "consumed", "consumed_at": now().isoformat()}

        reply = self._change(request, consume)
        with self._estate.lock:
            known = self._deliveries.get((request.params["lane"], request.params["digest"]))
            withdrawn = known is not None and known["state"] == "withdrawn"
        return wire.problem(409, "withdrawn", "This delivery was withdrawn.") if withdrawn else reply

    def _change(self, request: Request, change: Callable[[dict[str, Any]], None]) -> Reply:
        with self._estate.lock:
            delivery = self._deliveries.get((request.params["lane"], request.params["digest"]))
            if delivery is None:
                return wire.problem(404, "not-found", "Nothing was delivered under this manifest.")
            change(delivery)
            return wire.json_reply(200, delivery)

    def _reply(self, request: Request) -> Reply:
        """The vendor leaves a signed reply, in base64."""
        envelope = text_field(request.json(), "envelope")
        with self._estate.lock:
            self._replies.setdefault((request.params["lane"], request.params["digest"]), []).append(envelope)
        return wire.json_reply(200, {})

    def _replied(self, request: Request) -> Reply:
        lane = request.params["lane"]

        def found() -> Reply:
            with self._estate.lock:
                return wire.json_reply(200, {"items": self._replies.get((lane, request.params["digest"]), [])})

        return disturbed(self._estate.faults.take("lane.status", lane), found)

    def _recall(self, request: Request) -> Reply:
        """Keeps a signed recall under its digest; the same one again changes nothing."""
        statement = request.params["statement"]
        if statement != digest_bytes(request.body):
            raise wire.BadRequest("a recall is put under the digest of its bytes")
        with self._estate.lock:
            kept = self._recalls.setdefault((request.params["lane"], request.params["digest"]), {})
            kept[statement] = request.body.decode(errors="replace")
        return wire.json_reply(200, {})

    def _recalled(self, request: Request) -> Reply:
        with self._estate.lock:
            kept = self._recalls.get((request.params["lane"], request.params["digest"]), {})
            return wire.json_reply(200, {"items": list(kept.values())})

    def _list(self, request: Request) -> Reply:
        with self._estate.lock:
            items = [d for (lane, _), d in self._deliveries.items() if lane == request.params["lane"]]
            return wire.json_reply(200, {"items": items})

    def _package(self, request: Request) -> Reply:
        package = self._packages.get((request.params["lane"], request.params["digest"]))
        if package is None:
            return wire.problem(404, "not-found", "Nothing was delivered under this manifest.")
        return Reply(200, package, {"content-type": "application/zip"})
