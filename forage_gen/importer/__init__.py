"""Turns firefly-forage's templates into Forage's: what its users move in with."""
