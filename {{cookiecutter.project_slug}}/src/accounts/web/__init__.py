"""What every request is held to, its session cookie, and how it is refused."""
