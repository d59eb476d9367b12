"""Documents: plain text, its terms, its weighted rows."""
