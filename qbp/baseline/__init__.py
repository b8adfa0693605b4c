"""The cited baseline, Sellier's training by wave packets."""
