"""A picture finds the one that it was made from: cropped, framed, mirrored or turned."""
