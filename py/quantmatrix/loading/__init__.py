"""Files into a book: the parser of each, its records through a door, and the function that loads them."""
