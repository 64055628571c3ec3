"""What the plugins for SPA phones and adaptors have in common."""

from .plugin import Generation, Model, SpaPlugin

__all__ = ["Generation", "Model", "SpaPlugin"]
