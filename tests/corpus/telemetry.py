# ruff: noqa: E501  one exchange or header a line reads better than wrapped
"""Writes traces and logs with OpenTelemetry's own SDK and file exporter; runs in the corpus's environment.

var/corpus/env/bin/python tests/corpus/telemetry.py FOLDER
"""

from __future__ import annotations

import logging
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from opentelemetry import trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.json.file._log_exporter import FileLogExporter
from opentelemetry.exporter.otlp.json.file.trace_exporter import FileSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

Kind = SpanKind
_RESOURCES = (
    {"service.name": "sso-gateway", "service.version": "4.12.1", "deployment.environment.name": "production"},
    {
        "service.name": "token-service", "service.namespace": "identity", "service.instance.id": "627cc493-f310-47de-96bd-71410b7dec09",
        "host.name": "ip-10-1-2-3.eu-north-1.compute.internal", "host.arch": "amd64", "os.type": "linux",
        "k8s.pod.name": "token-7d4b9c6f5-x2x9k", "k8s.namespace.name": "identity", "k8s.node.name": "node-7",
        "container.id": "a3bf90e006b2a3bf90e006b2a3bf90e006b2a3bf90e006b2a3bf90e006b2a3bf", "cloud.provider": "aws",
        "cloud.region": "eu-north-1", "cloud.availability_zone": "eu-north-1a", "process.runtime.name": "OpenJDK Runtime Environment",
        "process.runtime.version": "21.0.4+7", "process.pid": 1, "process.command_line": "java -Dkey=value -jar app.jar",
    },
)  # fmt: skip


def log_in(tracer: Any) -> None:
    with tracer.start_as_current_span("POST /saml/acs", kind=Kind.SERVER) as span:
        span.set_attributes(
            {
                "http.request.method": "POST", "url.scheme": "https", "url.path": "/saml/acs", "http.route": "/saml/acs",
                "server.address": "app.cedar.example", "server.port": 443, "client.address": "198.51.100.7",
                "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36",
                "network.protocol.name": "http", "network.protocol.version": "2", "http.response.status_code": 500,
                "http.request.body.size": 8112, "tls.protocol.version": "1.3", "tls.cipher": "TLS_AES_128_GCM_SHA256",
                "error.type": "org.opensaml.security.SecurityException", "saml.binding": "HTTP-POST",
            }
        )  # fmt: skip
        with tracer.start_as_current_span("verify-signature", kind=Kind.INTERNAL) as inner:
            inner.set_attributes(
                {
                    "code.function.name": "org.opensaml.Verifier.verify",
                    "code.line.number": 88,
                    "thread.name": "http-nio-8443-exec-7",
                    "thread.id": 41,
                }
            )
            try:
                raise ValueError(f"no key for {secrets.token_hex(8)}")
            except ValueError as error:
                inner.record_exception(error)
                inner.set_status(Status(StatusCode.ERROR, "unknown key"))
        with tracer.start_as_current_span("SELECT sessions", kind=Kind.CLIENT) as query:
            query.set_attributes(
                {
                    "db.system.name": "postgresql",
                    "db.namespace": "identity",
                    "db.operation.name": "SELECT",
                    "db.collection.name": "sessions",
                    "db.query.text": "SELECT * FROM sessions WHERE id = ?",
                    "server.address": "db-3.cedar.internal",
                    "server.port": 5432,
                }
            )
        span.set_status(Status(StatusCode.ERROR))


def token(tracer: Any) -> None:
    with tracer.start_as_current_span("POST", kind=Kind.CLIENT) as span:
        span.set_attributes(
            {
                "http.method": "POST",
                "http.url": f"https://login.cedar.example/oauth2/token?t={secrets.token_hex(8)}",
                "http.status_code": 400,
                "http.flavor": "1.1",
                "net.peer.name": "login.cedar.example",
                "net.peer.port": 443,
                "error.type": "400",
            }
        )
        span.add_event("retry", {"attempt": 2, "backoff_ms": 400})
        span.set_status(Status(StatusCode.ERROR, "invalid_grant"))


def calls(tracer: Any) -> None:
    with tracer.start_as_current_span("identity.Sessions/Create", kind=Kind.SERVER) as span:
        span.set_attributes(
            {
                "rpc.system": "grpc",
                "rpc.service": "identity.Sessions",
                "rpc.method": "Create",
                "rpc.grpc.status_code": 14,
                "error.type": "UNAVAILABLE",
            }
        )
    with tracer.start_as_current_span("publish logins", kind=Kind.PRODUCER) as span:
        span.set_attributes(
            {
                "messaging.system": "kafka",
                "messaging.destination.name": "logins",
                "messaging.operation.type": "send",
                "messaging.batch.message_count": 3,
            }
        )
        carried = span.get_span_context()
    with tracer.start_as_current_span("process logins", kind=Kind.CONSUMER, links=[Link(carried)]) as span:
        span.set_attributes(
            {
                "messaging.system": "kafka",
                "faas.trigger": "pubsub",
                "feature_flag.key": "new-login",
                "enduser.id": secrets.token_hex(6),
            }
        )


def many(tracer: Any) -> None:
    with tracer.start_as_current_span("GET /v1/things/{id}", kind=Kind.SERVER):
        for number in range(40):
            with tracer.start_as_current_span("GET", kind=Kind.CLIENT) as span:
                span.set_attributes(
                    {
                        "http.request.method": "GET",
                        "url.full": f"https://api.cedar.example/v1/things/{number}?page={number}",
                        "http.response.status_code": (200, 503, 504)[number % 3],
                        "http.request.resend_count": number % 3,
                    }
                )


ACTS: dict[str, Callable[[Any], None]] = {"log-in": log_in, "token": token, "calls": calls, "many": many}


def write(folder: Path) -> None:
    for number, attributes in enumerate(_RESOURCES):
        resource = Resource.create(attributes)
        for name, act in ACTS.items():
            for batched in (True, False):
                path = folder / f"sdk-{name}-{number}-{'batch' if batched else 'simple'}.jsonl"
                exporter = FileSpanExporter(path)
                provider = TracerProvider(resource=resource)
                provider.add_span_processor((BatchSpanProcessor if batched else SimpleSpanProcessor)(exporter))
                act(provider.get_tracer("gateway", "1.4.0"))
                provider.shutdown()
        logs(folder / f"sdk-logs-{number}.jsonl", resource)


def logs(path: Path, resource: Resource) -> None:
    provider = LoggerProvider(resource=resource)
    provider.add_log_record_processor(SimpleLogRecordProcessor(FileLogExporter(path)))
    logger = provider.get_logger("gateway")
    for body in (
        f"signature of key {secrets.token_hex(4)} is unknown",
        "log-in failed: code=SAML_VERIFY",
        "retrying in 400 ms",
    ):
        logger.emit(
            body=body,
            severity_number=SeverityNumber.ERROR,
            severity_text="ERROR",
            attributes={"exception.type": "SecurityException", "thread.name": "exec-7"},
        )
    provider.shutdown()


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    trace.set_tracer_provider(TracerProvider())
    write(Path(sys.argv[1]))
