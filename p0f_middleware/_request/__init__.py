"""One request: who sent it, whom to ask about it, and what the outcome is."""
