"""What ``engine doctor`` examines."""
