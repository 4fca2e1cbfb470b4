"""What is written: who is told, what is sent, what is looked at again, and what people choose."""
