"""SAML 2.0 metadata: what a federation says about one of its members."""

from handrail.connectors.saml.connector import KINDS, SamlConfig, SamlConnector, SamlFileConfig
from handrail.connectors.saml.operations import Metadata

__all__ = ["KINDS", "Metadata", "SamlConfig", "SamlConnector", "SamlFileConfig"]
