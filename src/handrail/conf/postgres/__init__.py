"""The embedded PostgreSQL: its owner's alone, reached by a socket, alive as long as a process uses it.

| module | what it does |
|---|---|
| `programs` | finds the server's programs in the wheel |
| `account` | the Unix account that the server runs as, and the accounts that it lets in |
| `files` | the data directory by descriptor: opened, locked, written, whatever its path |
| `cluster` | makes the data directory, or checks the one that is there |
| `server` | starts the server, or joins the one that runs |
| `keeper` | the server's parent process, which stops it after its last user |
| `address` | a path that a client can connect to |
"""
