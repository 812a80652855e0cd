"""What ``manyclaw doctor`` looks at. It only reads, and says of what it may not read that it does not know."""
