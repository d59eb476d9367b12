"""What a search and its codes look like: results as pictures, for a person to judge."""
