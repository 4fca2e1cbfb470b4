"""The HTTP API: what pages can do, for programs. Errors are problem documents (RFC 9457)."""
