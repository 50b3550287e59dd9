"""Users: accounts, roles, addresses, logins."""
