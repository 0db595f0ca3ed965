"""What only LibreChat's contract says, in marshmallow."""
