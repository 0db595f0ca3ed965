"""What a message says and how long it is, and the parts behind the operations on conversations."""
