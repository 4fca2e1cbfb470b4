"""What a definition asks of connectors: the forms, their checks, the operations they become, the values extracted."""
