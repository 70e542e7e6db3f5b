"""What ingest decides about a document: pure, values in and values out."""
