"""The version of minimod, in a module that imports nothing, so that every other one may import it."""

VERSION = "0.4.0"
