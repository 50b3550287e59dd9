"""Invoices: gapless numbers, one per fulfilled and paid order."""
