"""Products: the truth about what is for sale."""
