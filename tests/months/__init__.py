"""A year on one data folder, with the recurring invoices created between the documents."""
