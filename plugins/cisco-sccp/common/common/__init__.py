"""What all plugins for Cisco phones that speak SCCP have in common."""

from .plugin import Generation, SccpPlugin

__all__ = ["Generation", "SccpPlugin"]
