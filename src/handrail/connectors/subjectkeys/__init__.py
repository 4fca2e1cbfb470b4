"""Stores of subject keys: a folder of this machine, or a bucket that several share."""

from handrail.connectors.subjectkeys.config import KINDS, S3SubjectKeysConfig, SubjectKeysConfig
from handrail.connectors.subjectkeys.s3 import S3Keys

__all__ = ["KINDS", "S3Keys", "S3SubjectKeysConfig", "SubjectKeysConfig"]
