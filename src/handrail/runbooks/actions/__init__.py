"""What can be done with runs, tasks and exception packets. Each action is one transaction with its audit event."""
