"""What ingest decides about counts: pure, values in and values out."""
