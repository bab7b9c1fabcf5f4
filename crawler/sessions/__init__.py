"""Who we are: cookies, sessions, accounts, logins and what is kept of them."""
