"""What is due, and which worker has it: rows are claimed, worked on, and written back fenced by the lease."""
