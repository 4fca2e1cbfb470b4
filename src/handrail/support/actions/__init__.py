"""What can be done with support requests: submit one."""
