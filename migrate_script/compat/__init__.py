"""What old releases expect. Each file says which release it serves and when it may be deleted."""
