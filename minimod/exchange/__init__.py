"""Networks and pairs: import from other projects, and export for them."""
