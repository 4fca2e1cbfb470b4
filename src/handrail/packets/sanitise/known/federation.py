"""What federation protocols call their outcomes and algorithms.

SAML: saml-core 2.0, 3.2.2.2, and SAML 1.1 core 3.4.3.1. OAuth: the IANA registry "OAuth Extensions Error", RFC 6749,
6750, 7009, 7591, 8628, 8693, 8707, 9126, 9396, 9449, 9470, OpenID Connect Core 3.1.2.6, CIBA and the logout
specifications. JOSE: the IANA registry "JSON Web Signature and Encryption Algorithms". Signatures in XML: RFC 9231,
xmldsig-core 1.1, xmlenc-core 1.1. WS-Federation 1.2 and WS-Trust 1.3/1.4. gRPC: ``google.rpc.Code``.
"""

from __future__ import annotations

from handrail.packets.sanitise.known.tables import words

_SAML2 = "urn:oasis:names:tc:SAML:2.0:status:"
SAML_STATUS_TOP = frozenset(_SAML2 + name for name in words("Success Requester Responder VersionMismatch"))
SAML_STATUS_SECOND = frozenset(
    _SAML2 + name
    for name in words(
        """
AuthnFailed InvalidAttrNameOrValue InvalidNameIDPolicy NoAuthnContext NoAvailableIDP NoPassive NoSupportedIDP
PartialLogout ProxyCountExceeded RequestDenied RequestUnsupported RequestVersionDeprecated RequestVersionTooHigh
RequestVersionTooLow ResourceNotRecognized TooManyResponses UnknownAttrProfile UnknownPrincipal UnsupportedBinding
"""
    )
)
_SAML1_STATUS = words(
    """
samlp:Success samlp:VersionMismatch samlp:Requester samlp:Responder samlp:RequestVersionTooHigh
samlp:RequestVersionTooLow samlp:RequestVersionDeprecated samlp:TooManyResponses samlp:RequestDenied
samlp:ResourceNotRecognized
"""
)
SAML_STATUS = SAML_STATUS_TOP | SAML_STATUS_SECOND | _SAML1_STATUS
SAML_BINDINGS = frozenset(
    f"urn:oasis:names:tc:SAML:2.0:bindings:{name}"
    for name in words("HTTP-POST HTTP-Redirect HTTP-Artifact HTTP-POST-SimpleSign SOAP PAOS URI")
)
OAUTH_ERRORS = words(
    """
access_denied account_selection_required authorization_pending consent_required expired_login_hint_token expired_token
insufficient_scope insufficient_user_authentication interaction_required invalid_authorization_details
invalid_binding_message invalid_client invalid_client_metadata invalid_dpop_proof invalid_grant invalid_redirect_uri
invalid_request invalid_request_object invalid_request_uri invalid_scope invalid_software_statement invalid_target
invalid_token invalid_user_code login_required missing_user_code registration_not_supported request_not_supported
request_uri_not_supported server_error slow_down temporarily_unavailable transaction_failed
unapproved_software_statement unauthorized_client unknown_user_id unmet_authentication_requirements
unsupported_grant_type unsupported_pop_key unsupported_response_type unsupported_token_type use_dpop_nonce
incompatible_ace_profiles invalid_issuer invalid_subject invalid_trust_chain invalid_transaction_id
"""
)
JOSE_ALGORITHMS = words(
    """
HS256 HS384 HS512 RS256 RS384 RS512 ES256 ES384 ES512 ES256K PS256 PS384 PS512 EdDSA Ed25519 Ed448 none RSA1_5
RSA-OAEP RSA-OAEP-256 RSA-OAEP-384 RSA-OAEP-512 A128KW A192KW A256KW dir ECDH-ES ECDH-ES+A128KW ECDH-ES+A192KW
ECDH-ES+A256KW A128GCMKW A192GCMKW A256GCMKW PBES2-HS256+A128KW PBES2-HS384+A192KW PBES2-HS512+A256KW A128CBC-HS256
A192CBC-HS384 A256CBC-HS512 A128GCM A192GCM A256GCM ML-DSA-44 ML-DSA-65 ML-DSA-87 SLH-DSA-SHA2-128s HS256/64
"""
)
XML_ALGORITHMS = frozenset(
    {
        *(
            f"http://www.w3.org/2000/09/xmldsig#{name}"
            for name in words("rsa-sha1 dsa-sha1 hmac-sha1 sha1 enveloped-signature base64")
        ),
        *(
            f"http://www.w3.org/2001/04/xmldsig-more#{name}"
            for name in words(
                """
rsa-md5 rsa-sha224 rsa-sha256 rsa-sha384 rsa-sha512 rsa-ripemd160 ecdsa-sha1 ecdsa-sha224 ecdsa-sha256 ecdsa-sha384
ecdsa-sha512 hmac-sha224 hmac-sha256 hmac-sha384 hmac-sha512 sha224 sha384
"""
            )
        ),
        *(
            f"http://www.w3.org/2007/05/xmldsig-more#{name}"
            for name in words(
                """
rsa-pss sha1-rsa-MGF1 sha224-rsa-MGF1 sha256-rsa-MGF1 sha384-rsa-MGF1 sha512-rsa-MGF1 sha3-256 sha3-384 sha3-512
"""
            )
        ),
        *(f"http://www.w3.org/2009/xmldsig11#{name}" for name in words("dsa-sha256")),
        *(f"http://www.w3.org/2021/04/xmldsig-more#{name}" for name in words("eddsa-ed25519 eddsa-ed448")),
        *(
            f"http://www.w3.org/2001/04/xmlenc#{name}"
            for name in words(
                "sha256 sha512 tripledes-cbc aes128-cbc aes192-cbc aes256-cbc rsa-1_5 rsa-oaep-mgf1p kw-aes128 "
                "kw-aes256"
            )
        ),
        *(f"http://www.w3.org/2009/xmlenc11#{name}" for name in words("aes128-gcm aes192-gcm aes256-gcm rsa-oaep")),
    }
)
WSFED_ACTIONS = words("wsignin1.0 wsignout1.0 wsignoutcleanup1.0 wattr1.0 wpseudo1.0")
WSTRUST_FAULTS = words(
    """
wst:InvalidRequest wst:FailedAuthentication wst:RequestFailed wst:InvalidSecurityToken wst:AuthenticationBadElements
wst:BadRequest wst:ExpiredData wst:InvalidTimeRange wst:InvalidScope wst:RenewNeeded wst:UnableToRenew
wsse:UnsupportedSecurityToken wsse:UnsupportedAlgorithm wsse:InvalidSecurity wsse:InvalidSecurityToken
wsse:FailedAuthentication wsse:FailedCheck wsse:SecurityTokenUnavailable wsu:MessageExpired
fed:BadRequest fed:NoMatchInScope fed:NeedFresherCredentials fed:SpecificMetadata fed:UnsupportedClaimsDialect
fed:RstParameterNotAccepted fed:IssuerNameNotSupported fed:UnsupportedEncoding fed:NoPseudonymInScope
"""
)
GRPC_CODES = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip
OUTCOMES = SAML_STATUS | SAML_BINDINGS | OAUTH_ERRORS | WSTRUST_FAULTS | frozenset(GRPC_CODES) | JOSE_ALGORITHMS
