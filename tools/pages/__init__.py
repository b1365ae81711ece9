"""Pages made from what they tell of: ``make pages`` writes them, and a test fails where one is stale."""
