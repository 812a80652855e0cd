"""The operator's command ``manyclaw``: a file a noun, thin over the product's own use cases."""
