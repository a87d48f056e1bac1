"""What ``engine init`` and ``engine policy new`` write, and how they ask."""
