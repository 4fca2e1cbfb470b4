"""Runs, exception packets and refused tasks as the actor may see them: plain data for pages, API and CLI alike."""
