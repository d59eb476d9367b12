"""The map of a collection: a figure for print, or a page to look around in."""
