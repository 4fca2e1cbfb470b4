"""Content-addressed bytes: what is put in can only be found by its digest, and is verified whenever it is read."""

from handrail.connectors.blobs.config import KINDS, BlobsConfig, S3BlobsConfig
from handrail.connectors.blobs.folder import FolderBlobs
from handrail.connectors.blobs.s3 import S3Blobs
from handrail.connectors.blobs.store import BlobRefused, Blobs, BlobUnavailable, NamedBlobs

__all__ = [
    "KINDS",
    "BlobRefused",
    "BlobUnavailable",
    "Blobs",
    "BlobsConfig",
    "FolderBlobs",
    "NamedBlobs",
    "S3Blobs",
    "S3BlobsConfig",
]
