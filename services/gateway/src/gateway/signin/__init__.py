"""How people get in: passwords with a second factor, passkeys, other firms' sign-in."""
