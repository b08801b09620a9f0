"""Networks, pairs and tables from elsewhere and for elsewhere."""
