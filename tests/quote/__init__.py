"""Each language is read back by the program that reads it on a host."""
