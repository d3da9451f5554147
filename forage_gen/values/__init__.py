"""Text to typed values: one small grammar a module.

Every function here is pure. It takes what a person wrote and returns a frozen
value, or raises `ValueProblem` with a code, a message and a hint. Nothing here
reads a file, a clock, the environment or the network: whether a value is
valid depends on the value alone.
"""
