"""What can be done with packets: each function one bare verb, atomic with its audit event."""
