"""The networks of the course: how they are built, trained, kept and converted."""
