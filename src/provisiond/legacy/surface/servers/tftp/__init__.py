"""Names that plugins take from the package itself."""

from provisiond.legacy.surface.servers.tftp.service import (
    TFTPFileService,
    TFTPHookService,
    TFTPLogService,
    TFTPNullService,
    TFTPRequest,
    TFTPStringService,
)

__all__ = [
    "TFTPFileService",
    "TFTPHookService",
    "TFTPLogService",
    "TFTPNullService",
    "TFTPRequest",
    "TFTPStringService",
]
