"""A person's whole book as one archive: to keep, to read elsewhere, to move to another installation."""
