"""Outbound HTTP: one total deadline per call, bounded answers, allowed origins, an honest verdict."""

from handrail.connectors.http.answers import (
    claims_json,
    describe,
    json_bytes,
    read_failed,
    retry_after_seconds,
    to_answer,
    to_current,
    to_reading,
    to_state,
    unusable,
)
from handrail.connectors.http.client import Client, Exchange
from handrail.connectors.http.jsontext import NotJson, parse_json, parse_page
from handrail.connectors.http.reachability import judge, probe

__all__ = [
    "Client",
    "Exchange",
    "NotJson",
    "claims_json",
    "describe",
    "json_bytes",
    "judge",
    "parse_json",
    "parse_page",
    "probe",
    "read_failed",
    "retry_after_seconds",
    "to_answer",
    "to_current",
    "to_reading",
    "to_state",
    "unusable",
]
