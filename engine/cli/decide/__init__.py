"""What ``engine decide`` is made of: judging, recording in batches, telling."""
