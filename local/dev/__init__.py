"""`make dev`: the whole deployment on one machine."""
