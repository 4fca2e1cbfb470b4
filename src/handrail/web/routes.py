"""The addresses of all pages. What is inside lies under /admin and asks for log-in at the door (``middleware``)."""

from __future__ import annotations

from allauth.account import views as account
from django.urls import URLPattern, URLResolver, path, register_converter
from django.urls.converters import PathConverter

from handrail.web.audit import evaluation, integrity, log, proofs
from handrail.web.definitions import definition, proposing
from handrail.web.definitions import listing as definitions
from handrail.web.packets import annex, assemble, packet, picture
from handrail.web.packets import listing as packets
from handrail.web.runs import brakes, exceptions, follow_up, operations, reviews, run, starting, tenant, waves
from handrail.web.shell import (
    accounts,
    find,
    home,
    keeping,
    notifications,
    passwords,
    sessions,
    single_sign_on,
    tenants,
    tokens,
    workspaces,
)


class TextConverter(PathConverter):
    """Also what a line ends with: a tenant of an old installation may have any key, and its pages must work."""

    regex = r"[\s\S]+"


register_converter(TextConverter, "text")

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.root, name="root"),
    path("accounts/login/", accounts.log_in, name="account_login"),
    path("accounts/logout/", accounts.log_out, name="account_logout"),
    path("accounts/password/change/", passwords.page, name="account_change_password"),
    path("accounts/inactive/", account.account_inactive, name="account_inactive"),
    path("accounts/oidc/sso/login/", single_sign_on.start, name="sign-on"),
    path("accounts/oidc/sso/login/callback/", single_sign_on.callback, name="sign-on-callback"),
    path("admin", home.page, name="home"),
    path("admin/find", find.page, name="find"),
    path("admin/workspaces", workspaces.page, name="workspaces"),
    path("admin/tokens", tokens.page, name="tokens"),
    path("admin/tokens/<str:token>/revoke", tokens.revoke, name="token-revoke"),
    path("admin/notifications", notifications.choices, name="notifications"),
    path("admin/notifications/sent", notifications.sent, name="notifications-sent"),
    path("admin/notifications/<str:notice>/redeliver", notifications.redeliver, name="notification-redeliver"),
    path("admin/sessions", sessions.own, name="sessions"),
    path("admin/members", sessions.members, name="members"),
    path("admin/members/<int:member>/sessions", sessions.of_member, name="member-sessions"),
    path("admin/tenants", tenants.page, name="tenants"),
    path("admin/tenants/rename", tenants.rename, name="tenant-rename"),
    path("admin/tenants/close", tenants.close, name="tenant-close"),
    path("admin/tenants/reopen", tenants.reopen, name="tenant-reopen"),
    path("admin/tenants/hold", keeping.hold, name="tenant-hold"),
    path("admin/tenants/hold/ask-to-lift", keeping.ask_to_lift, name="hold-ask-to-lift"),
    path("admin/tenants/hold/lift", keeping.lift, name="hold-lift"),
    path("admin/tenants/erase", keeping.ask, name="tenant-erase"),
    path("admin/tenants/erase/withdraw", keeping.withdraw, name="erasure-withdraw"),
    path("admin/tenants/erase/confirm", keeping.confirm, name="erasure-confirm"),
    path("admin/tenants/keeping/<text:tenant>", keeping.page, name="tenant-keeping"),
    # "path", for keys from before they were checked: one with a slash still has its page, and links to it.
    path("admin/t/<text:tenant>", tenant.page, name="tenant"),
    path("admin/operations", operations.page, name="operations"),
    path("admin/operations/start", starting.page, name="run-start"),
    path("admin/operations/start/tenants", starting.tenants, name="run-start-tenants"),
    path("admin/operations/<str:run>", run.page, name="run"),
    path("admin/operations/<str:run>/live", run.live, name="run-live"),
    path("admin/operations/<str:run>/cancel", run.cancel, name="run-cancel"),
    path("admin/operations/<str:run>/stop", run.stop, name="run-stop"),
    path("admin/operations/<str:run>/found-wrong", run.found_wrong, name="run-found-wrong"),
    path("admin/messages/<str:message>/redeliver", run.redeliver, name="message-redeliver"),
    path("admin/operations/<str:run>/review", reviews.review, name="run-review"),
    path("admin/reviews", reviews.page, name="reviews"),
    path("admin/waves", waves.page, name="waves"),
    path("admin/waves/start", waves.start, name="wave-start"),
    path("admin/waves/<str:wave>", waves.show, name="wave"),
    path("admin/waves/<str:wave>/live", waves.live, name="wave-live"),
    path("admin/waves/<str:wave>/pause", waves.pause, name="wave-pause"),
    path("admin/waves/<str:wave>/resume", waves.resume, name="wave-resume"),
    path("admin/waves/<str:wave>/abandon", waves.abandon, name="wave-abandon"),
    path("admin/brakes", brakes.page, name="brakes"),
    path("admin/brakes/pause", brakes.pause, name="pause"),
    path("admin/brakes/close", brakes.close, name="close-breaker"),
    path("admin/brakes/<str:brake>/resume", brakes.resume, name="resume"),
    path("admin/exceptions", exceptions.page, name="exceptions"),
    path("admin/exceptions/take", exceptions.take_together, name="exceptions-take"),
    path("admin/exceptions/resolve", exceptions.resolve_together, name="exceptions-resolve"),
    path("admin/exceptions/<str:exception>", exceptions.show, name="exception"),
    path("admin/exceptions/<str:exception>/take", exceptions.take, name="exception-take"),
    path("admin/exceptions/<str:exception>/note", exceptions.add_note, name="exception-note"),
    path("admin/exceptions/<str:exception>/hand-back", exceptions.hand_back, name="exception-hand-back"),
    path("admin/exceptions/<str:exception>/assign", exceptions.assign, name="exception-assign"),
    path("admin/exceptions/<str:exception>/read-again", follow_up.read_again, name="exception-read-again"),
    path("admin/exceptions/<str:exception>/follow-up", follow_up.page, name="exception-follow-up"),
    path("admin/exceptions/<str:exception>/resolve", exceptions.resolve, name="exception-resolve"),
    path("admin/packets", packets.page, name="packets"),
    path("admin/packets/assemble", assemble.page, name="packet-assemble"),
    path("admin/packets/preview", assemble.preview, name="packet-preview"),
    path("admin/packets/<str:packet>", packet.page, name="packet"),
    path("admin/packets/<str:packet>/live", packet.live, name="packet-live"),
    path("admin/packets/<str:packet>/document", packet.document, name="packet-document"),
    path("admin/packets/<str:packet>/annex", annex.page, name="packet-annex"),
    path("admin/packets/<str:packet>/original", annex.original, name="packet-original"),
    path("admin/packets/<str:packet>/package", packet.package, name="packet-package"),
    path("admin/packets/<str:packet>/again", packet.again, name="packet-again"),
    path("admin/packets/<str:packet>/clear", packet.clear, name="packet-clear"),
    path("admin/packets/<str:packet>/seen", packet.mark_seen, name="packet-seen"),
    path("admin/packets/<str:packet>/mask", packet.mask, name="packet-mask"),
    path("admin/packets/<str:packet>/picture", picture.page, name="packet-picture"),
    path("admin/packets/<str:packet>/picture/drawn", picture.drawn, name="packet-picture-drawn"),
    path("admin/packets/<str:packet>/redact", picture.redact, name="packet-redact"),
    path("admin/packets/<str:packet>/attest", picture.attest, name="packet-attest"),
    path("admin/packets/<str:packet>/sign", packet.sign, name="packet-sign"),
    path("admin/packets/<str:packet>/approve", packet.approve, name="packet-approve"),
    path("admin/packets/<str:packet>/reject", packet.reject, name="packet-reject"),
    path("admin/packets/<str:packet>/withdraw", packet.withdraw, name="packet-withdraw"),
    path("admin/packets/<str:packet>/recall", packet.recall, name="packet-recall"),
    path("admin/packets/<str:packet>/settle", packet.settle, name="packet-settle"),
    path("admin/lanes/<str:lane>/recalls", packet.recalls, name="lane-recalls"),
    path("admin/packets/<str:packet>/discard", packet.discard, name="packet-discard"),
    path("admin/packets/<str:packet>/release", packet.release, name="packet-release"),
    path("admin/definitions", definitions.page, name="definitions"),
    path("admin/definitions/propose", proposing.page, name="definition-propose"),
    path("admin/definitions/<int:definition>", definition.page, name="definition"),
    path("admin/definitions/<int:definition>/sign", definition.sign, name="definition-sign"),
    path("admin/definitions/<int:definition>/approve", definition.approve, name="definition-approve"),
    path("admin/definitions/<int:definition>/reject", definition.reject, name="definition-reject"),
    path("admin/definitions/<int:definition>/deprecate", definition.deprecate, name="definition-deprecate"),
    path(
        "admin/definitions/<int:definition>/request-return",
        definition.request_return,
        name="definition-request-return",
    ),
    path("admin/definitions/<int:definition>/bring-back", definition.bring_back, name="definition-bring-back"),
    path("admin/audit", log.page, name="audit"),
    path("admin/audit/record", integrity.page, name="audit-record"),
    path("admin/audit/proofs/event/<int:event>", proofs.of_event, name="audit-proof-event"),
    path("admin/audit/proofs/packet/<str:packet>", proofs.of_packet, name="audit-proof-packet"),
    path("admin/audit/export", integrity.export, name="audit-export"),
    path("admin/evaluation", evaluation.page, name="evaluation"),
]
