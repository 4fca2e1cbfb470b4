"""What is written: who is notified, what is sent, what is looked at again, and what people choose."""
