"""The default for pictures: codes that agree for two views of one picture."""
