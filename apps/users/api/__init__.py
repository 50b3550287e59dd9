"""REST: accounts, logins, mails with links, and the address book."""
