"""Security records in the Open Cybersecurity Schema Framework: its schema, validation, reading, a simulated source."""
