"""What ``engine init`` and ``engine policy new`` write, and the questions of the first."""
