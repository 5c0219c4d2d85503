"""What belongs to the course and not to its subject: map, environment, exercises, live figures, claims, summary."""
