"""The whole system as processes on real servers, and what happens when they die."""
