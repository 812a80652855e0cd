"""How well memory finds, how fast, with how many requests, and how it grows."""
