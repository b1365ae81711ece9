"""Runners that print the speed ratios the design promises."""
