"""The distributed system's bus and store: Kafka and MongoDB behind the embedded contracts."""
