"""The providers of models: which there are, and what Echo asks of them."""
