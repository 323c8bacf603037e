"""Tables of results: collected, formatted, beside published numbers."""
