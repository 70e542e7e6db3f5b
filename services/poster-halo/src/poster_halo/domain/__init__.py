"""What to post, decided without I/O: plans, amounts, comparisons, money."""
