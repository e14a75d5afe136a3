"""Light curves of simulated stars, as Kepler sees them, beside the LAMOST spectrum of the same star."""
