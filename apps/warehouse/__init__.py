"""Warehouse: what lies on the shelves, for whom, and the packing of it."""
