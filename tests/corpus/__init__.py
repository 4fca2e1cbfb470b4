"""A corpus of captures and traces, as tools write them: how much of it leaves without a person.

    make corpus

Real captures are made by real tools on a local site: Chromium, Playwright's recorder, mitmproxy, OpenTelemetry's SDK.
What is only written from a format's description is called a shape, and never counted as real.
"""
