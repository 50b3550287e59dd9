"""REST: the catalogue, read by anyone and written by administrators."""
