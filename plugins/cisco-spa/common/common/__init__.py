"""What the plugins for SPA phones and adaptors have in common."""

from .models import Image, Model
from .plugin import SpaPlugin

__all__ = ["Image", "Model", "SpaPlugin"]
