"""What people who work on this repository run by ``make``: checks of SQL, and the generated pages."""
