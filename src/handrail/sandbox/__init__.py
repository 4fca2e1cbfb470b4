"""The practice estate: the outside systems that Handrail reads and acts on, as one local server with faults by script.

It is reached over HTTP only, and holds nothing real. Role assignments are kept by scim2-server, which is not ours.
"""
