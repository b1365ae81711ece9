"""Files with one fault each: what a reader makes of them, and whether the file itself could have told."""
