"""What ``engine watch`` is made of."""
