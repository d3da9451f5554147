"""The files that users copy into their own CI, run."""
