"""Who a caller is: passwords, tokens, sessions."""
