"""Support requests, and their one-way handoff to the one configured service desk."""
