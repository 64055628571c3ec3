"""What all plugins for Cisco phones that speak SCCP have in common."""

from .models import Generation
from .plugin import SccpPlugin

__all__ = ["Generation", "SccpPlugin"]
