"""The version of minimod. This module imports nothing, so every other module can import it."""

VERSION = "0.4.0"
