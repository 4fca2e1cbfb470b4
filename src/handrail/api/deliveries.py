"""What people do for lanes that can't be asked: an upload address, and whether a package arrived."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import AwareDatetime, ConfigDict, Field, SecretStr

from handrail.api.auth import actor_of
from handrail.api.fields import REFUSALS, Line, Number, PacketRef
from handrail.kernel.secrets import Secret
from handrail.packets.actions import uploading

router = Router()


class UploadAddressBody(Schema):
    """``address`` is never shown again. ``expires_at``: when the vendor stops accepting it, at most 30 days away."""

    model_config = ConfigDict(extra="forbid")
    address: Annotated[SecretStr, Field(min_length=1, max_length=8000)]
    expires_at: AwareDatetime


class ArrivalBody(Schema):
    """``arrived``: what the vendor said. ``reason``: who said so, and how."""

    model_config = ConfigDict(extra="forbid", strict=True)
    arrived: bool
    reason: Line


@router.post(
    "/packets/{ref}/revisions/{number}/upload-address",
    response={204: None, **REFUSALS},
    operation_id="give_upload_address",
)
def give_upload_address(request: HttpRequest, ref: PacketRef, number: Number, body: UploadAddressBody) -> Status[None]:
    """Give the upload address of the packet's case. It is stored encrypted and used once."""
    expires_at: datetime = body.expires_at
    address = Secret(body.address.get_secret_value())
    uploading.give_address(ref=ref, revision=number, address=address, expires_at=expires_at, by=actor_of(request))
    return Status(204, None)


@router.post(
    "/packets/{ref}/revisions/{number}/arrival", response={204: None, **REFUSALS}, operation_id="confirm_arrival"
)
def confirm_arrival(request: HttpRequest, ref: PacketRef, number: Number, body: ArrivalBody) -> Status[None]:
    """Say whether a package arrived whose answer was lost, where the lane can't be asked. If not, it is sent again."""
    uploading.confirm(ref=ref, revision=number, arrived=body.arrived, reason=body.reason, by=actor_of(request))
    return Status(204, None)
