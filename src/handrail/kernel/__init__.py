"""What every part stands on: errors, ids, clock, state machines, canonical JSON, secrets, hostile text. No models."""
