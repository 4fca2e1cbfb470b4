"""The fields that a task or an assembly begins with: as declared, and as checked when they arrive."""
