"""What ``engine doctor`` looks at."""
