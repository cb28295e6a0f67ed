"""One package for each framework: it translates the framework's events for the clock. `base` has what they share."""
