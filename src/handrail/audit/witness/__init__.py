"""A witness of logs, as a process of its own: https://c2sp.org/tlog-witness. It knows neither Django nor a database."""
