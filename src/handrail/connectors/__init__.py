"""Everything that Handrail asks of, or sends to, an outside system. One folder per protocol; plain data in and out.

A folder declares ``KINDS``: the configuration sections that it understands, and how to open them
(``config.ConnectorKind``).
The registry finds the folders by itself, so a new protocol is a new folder and nothing else.
"""
