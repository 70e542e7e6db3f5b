"""Speed and size of the embedded system, as ratios to a floor measured in the same run."""
