"""Delivery: quotes and shipments."""
