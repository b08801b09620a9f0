"""What people look at. Nothing is computed here."""
