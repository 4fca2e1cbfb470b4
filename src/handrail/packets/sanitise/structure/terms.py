"""The words of structural digests: keys of ours, and enumerations of the standards. Nothing else stands in one.

A value that is in none of these lists becomes "other", or is only counted. A change here is a new ``RULES`` version.
"""

from __future__ import annotations

from collections.abc import Iterable

from handrail.packets.sanitise.known import federation
from handrail.packets.sanitise.vocabulary import QUERY_VALUES, words

OTHER = "other"


def _endings(names: Iterable[str]) -> frozenset[str]:
    """The last part of each: how a digest writes it."""
    return frozenset(name.rpartition(":")[2] for name in names)


KEYS = words(
    """
_handrail saml jwt oauth unreadable why at in kind version issuer destination consumer audience audiences recipient of
host status signed message assertion algorithms signature digest certificates key_name id in_response_to
issued_at issued_in not_before not_on_or_after begins_in ends_in confirmation_ends_in session_ends_in
name_id_format attributes count names
encrypted name_id authentication force_authn is_passive binding form header other_parameters alg enc typ kid age
expires_in scopes error described code keys other_keys token_type
"""
)
PLACES = words(
    """
request.url request.headers request.postData response.headers response.redirectURL response.content
"""
)
WHY = words("not-base64 not-deflate too-large too-many not-utf8 dtd not-xml not-saml not-json")

# SAML: the elements of a protocol message, the status codes, and the names of what is in one.
MESSAGES = words(
    """
Response AuthnRequest LogoutRequest LogoutResponse ArtifactResolve ArtifactResponse AttributeQuery AuthzDecisionQuery
NameIDMappingRequest NameIDMappingResponse ManageNameIDRequest ManageNameIDResponse Request Assertion
EncryptedAssertion RequestSecurityTokenResponse RequestSecurityTokenResponseCollection
"""
)
STATUSES = _endings(federation.SAML_STATUS)
NAME_ID_FORMATS = words(
    """
unspecified emailAddress X509SubjectName WindowsDomainQualifiedName kerberos entity persistent transient encrypted
"""
)
AUTHENTICATIONS = words(
    """
unspecified Password PasswordProtectedTransport X509 TLSClient Kerberos InternetProtocol InternetProtocolPassword
PreviousSession Smartcard SmartcardPKI SoftwarePKI TimeSyncToken MobileTwoFactorContract MobileTwoFactorUnregistered
MobileOneFactorContract MobileOneFactorUnregistered SecureRemotePassword PGP SPKI XMLDSig Telephony NomadTelephony
PersonalTelephony AuthenticatedTelephony windows SFA MFA multipleauthn
"""
)
BINDINGS = _endings(federation.SAML_BINDINGS)
XML_ALGORITHMS = {uri: uri.rpartition("#")[2] for uri in federation.XML_ALGORITHMS}
_CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
_MICROSOFT = "http://schemas.microsoft.com/"
ATTRIBUTES = frozenset(
    [
        _CLAIMS + name
        for name in words("name emailaddress givenname surname upn nameidentifier privatepersonalidentifier")
    ]
    + [
        _MICROSOFT + name
        for name in words(
            """
            identity/claims/tenantid identity/claims/objectidentifier identity/claims/displayname
            identity/claims/identityprovider ws/2008/06/identity/claims/role ws/2008/06/identity/claims/groups
            ws/2008/06/identity/claims/windowsaccountname claims/authnmethodsreferences
            """
        )
    ]
    + [f"urn:oid:1.3.6.1.4.1.5923.1.{arc}" for arc in words("1.1.1 1.1.6 1.1.7 1.1.9 1.1.10 1.1.11 1.1.13 5.1.1")]
    + [f"urn:oid:2.5.4.{arc}" for arc in words("3 4 10 11 12 42")]
    + ["urn:oid:0.9.2342.19200300.100.1.1", "urn:oid:0.9.2342.19200300.100.1.3", "urn:oid:2.16.840.1.113730.3.1.241"]
    + ["urn:oasis:names:tc:SAML:attribute:subject-id", "urn:oasis:names:tc:SAML:attribute:pairwise-id"]
    + [*words("email mail firstName lastName givenName surname displayName groups roles uid eduPersonPrincipalName")]
)

# JOSE and OAuth.
ALGORITHMS = federation.JOSE_ALGORITHMS
ENCRYPTIONS = words("A128CBC-HS256 A192CBC-HS384 A256CBC-HS512 A128GCM A192GCM A256GCM")
JWT_TYPES = words(
    "JWT at+jwt dpop+jwt logout+jwt secevent+jwt token-introspection+jwt oauth-authz-req+jwt JOSE id_token+jwt"
)
HEADER_PARAMETERS = words(
    "alg jku jwk kid x5u x5c x5t x5t#S256 typ cty crit enc zip epk apu apv iv tag p2s p2c b64 nonce ver"
)
TOKEN_KEYS = words(
    """
access_token token_type expires_in refresh_token scope id_token error error_description error_uri error_codes state
session_state not-before-policy refresh_expires_in ext_expires_in expires_on resource foci client_info device_code
user_code verification_uri interval timestamp trace_id correlation_id issued_token_type
"""
)
TOKEN_TYPES = words("bearer dpop mac n_a")
ERRORS = (
    federation.OAUTH_ERRORS
    | QUERY_VALUES["error"]
    | words("mfa_required invalid_resource unsupported_client_assertion_type")
)
PARAMETERS = words(
    """
SAMLRequest SAMLResponse wresult authorization cookie set-cookie location id_token access_token refresh_token
id_token_hint client_assertion assertion request code token logout_token dpop x-id-token x-access-token x-amzn-oidc-data
x-ms-token-aad-id-token cf-access-jwt-assertion x-goog-iap-jwt-assertion
"""
)

TERMS: frozenset[str] = frozenset().union(
    *(KEYS, PLACES, WHY, MESSAGES, STATUSES, NAME_ID_FORMATS, AUTHENTICATIONS, BINDINGS, XML_ALGORITHMS.values()),
    *(ATTRIBUTES, ALGORITHMS, ENCRYPTIONS, JWT_TYPES, HEADER_PARAMETERS, TOKEN_KEYS, TOKEN_TYPES),
    *(ERRORS, PARAMETERS),
)


def among(value: object, known: frozenset[str]) -> str:
    """``value`` if ``known`` has it, else "other"."""
    return value if type(value) is str and value in known else OTHER
