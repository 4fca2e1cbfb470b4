"""One search over the slices that people hold references of, for pages, API and command line alike; no models."""
