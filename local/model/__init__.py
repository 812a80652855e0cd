"""A simulated model: the Messages API with true accounting, and answers that say they are a stand-in."""
