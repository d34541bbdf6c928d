"""The user whom all peers know, and how long their slow page waits."""

NAME = "demo"
PASSWORD = "horse-battery-staple-9"
SLOW_SECONDS = 0.05
