"""Which client and which items a batch is billed with; what waits for a person, and why."""
