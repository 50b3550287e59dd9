"""Payment: one state machine per order's payment, and the gateways."""
