"""Where items come from: folders, tables, standard input; what changed in them."""
