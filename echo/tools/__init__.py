"""Tools of models: what they are, where they come from, and the loop in which a model uses them."""
