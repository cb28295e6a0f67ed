"""One module a framework: each translates that framework's events for the clock, and imports nothing but it."""
