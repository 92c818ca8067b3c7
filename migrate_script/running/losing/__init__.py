"""What a downgrade throws away for ever, told before it begins."""
