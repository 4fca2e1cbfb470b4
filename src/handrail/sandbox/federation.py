"""What the practice customer's identity providers publish of themselves: SAML 2.0 metadata, as such products write it.

The certificates are real ones in form and open nothing: their private keys were never kept.
"""

from __future__ import annotations

ENTITY_ID, PARTNERS_ID = "https://idp.alder.example/saml", "https://partners.alder.example/saml"
SIGNING = """
MIIBgTCCASagAwIBAgIUIbPl17tYEpvZ2NlCdcqRz8aByPswCgYIKoZIzj0EAwIw
QDESMBAGA1UECgwJQWxkZXIgTHRkMSowKAYDVQQDDCFpZHAuYWxkZXIuZXhhbXBs
ZSBzaWduaW5nIDIwMjYtMTAwHhcNMjYxMDAxMDAwMDAwWhcNNDYxMDAxMDAwMDAw
WjBAMRIwEAYDVQQKDAlBbGRlciBMdGQxKjAoBgNVBAMMIWlkcC5hbGRlci5leGFt
cGxlIHNpZ25pbmcgMjAyNi0xMDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABG9f
S0FJvymXhd/PheQBxWglI212kKVhnX+P8KtALkvYe/1J/MsFu6o5DN50Y/bHLHuM
p0NSjEmOZ4uebA+mrDowCgYIKoZIzj0EAwIDSQAwRgIhANkHICtdmxCjoafgq8CU
aYochuPPXg87JR57Ufuzj5CnAiEAkqlFt+okKnTqOIkAobOTro9UwpLKbvLfQUhp
tuJVusI=
"""
_PARTNERS_SIGNING = """
MIIBizCCATCgAwIBAgIUAydxPBVHD83a3DsZc6eMrtoF4QYwCgYIKoZIzj0EAwIw
RTESMBAGA1UECgwJQWxkZXIgTHRkMS8wLQYDVQQDDCZwYXJ0bmVycy5hbGRlci5l
eGFtcGxlIHNpZ25pbmcgMjAyNi0xMTAeFw0yNjExMDEwMDAwMDBaFw00NjExMDEw
MDAwMDBaMEUxEjAQBgNVBAoMCUFsZGVyIEx0ZDEvMC0GA1UEAwwmcGFydG5lcnMu
YWxkZXIuZXhhbXBsZSBzaWduaW5nIDIwMjYtMTEwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATLfCQFd/Q/dgevir8Y2GSUYYsWL4MMtfGRDGezq/H1hO1DiqEGvB3M
6mkmOYMx3AEUcZErkQ9d9BUUABCD3VRdMAoGCCqGSM49BAMCA0kAMEYCIQDjbIIc
HAS+dznpPTakJxjkvwqKrI1YdZCUjq9gP+VbRQIhAIQa2JsuBk3w0OFG29KvCSio
WpqnE8t3T2Z/MVsaC8aS
"""
_ENCRYPTION = """
MIIBhTCCASygAwIBAgIUDxklatKj8K1FAyehAAN6W3bSlLAwCgYIKoZIzj0EAwIw
QzESMBAGA1UECgwJQWxkZXIgTHRkMS0wKwYDVQQDDCRpZHAuYWxkZXIuZXhhbXBs
ZSBlbmNyeXB0aW9uIDIwMjYtMTAwHhcNMjYxMDAxMDAwMDAwWhcNNDYxMDAxMDAw
MDAwWjBDMRIwEAYDVQQKDAlBbGRlciBMdGQxLTArBgNVBAMMJGlkcC5hbGRlci5l
eGFtcGxlIGVuY3J5cHRpb24gMjAyNi0xMDBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABOPk5eMq0nrL8O6IFG3L6CI0BpKp93RXtfGAGVJ9bL1lAhPuetq7fZqIHge8
zwMyjKDbfI5mYZaTSFLjsgv4KE0wCgYIKoZIzj0EAwIDRwAwRAIgHQDBqyZrr3cI
QguoQfr/PUCzh6OehavXwMdtq+TODt4CIBa7TL0olvOZGqhRGtztCCrC7E1LgztN
kh4n4CDxT1GB
"""
_POST, _REDIRECT = (f"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-{way}" for way in ("POST", "Redirect"))
_DOCUMENT = f"""<?xml version="1.0" encoding="UTF-8"?>
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#"
    xmlns:mdui="urn:oasis:names:tc:SAML:metadata:ui" xmlns:mdrpi="urn:oasis:names:tc:SAML:metadata:rpi"
    xmlns:mdattr="urn:oasis:names:tc:SAML:metadata:attribute" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"
    ID="_7c1f0f5e-alder" entityID="@ENTITY" validUntil="2036-11-20T00:00:00Z" cacheDuration="PT8H">
  <md:Extensions>
    <mdrpi:RegistrationInfo registrationAuthority="https://federation.example/"
        registrationInstant="2024-03-04T09:00:00Z"/>
    <mdattr:EntityAttributes>
      <saml:Attribute Name="urn:oasis:names:tc:SAML:attribute:assurance-certification"
          NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri">
        <saml:AttributeValue>https://federation.example/assurance/profile/cappuccino</saml:AttributeValue>
      </saml:Attribute>
    </mdattr:EntityAttributes>
  </md:Extensions>
  <md:IDPSSODescriptor WantAuthnRequestsSigned="true"
      protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <md:Extensions>
      <mdui:UIInfo>
        <mdui:DisplayName xml:lang="en">Alder log-in</mdui:DisplayName>
        <mdui:PrivacyStatementURL xml:lang="en">https://www.alder.example/privacy</mdui:PrivacyStatementURL>
      </mdui:UIInfo>
    </md:Extensions>
    <md:KeyDescriptor use="signing">
      <ds:KeyInfo>
        <ds:KeyName>kid-2026-10</ds:KeyName>
        <ds:X509Data><ds:X509Certificate>{SIGNING}</ds:X509Certificate></ds:X509Data>
      </ds:KeyInfo>
    </md:KeyDescriptor>
    <md:KeyDescriptor use="encryption">
      <ds:KeyInfo>
        <ds:X509Data><ds:X509Certificate>{_ENCRYPTION}</ds:X509Certificate></ds:X509Data>
      </ds:KeyInfo>
      <md:EncryptionMethod Algorithm="http://www.w3.org/2009/xmlenc11#aes256-gcm"/>
    </md:KeyDescriptor>
    <md:ArtifactResolutionService Binding="urn:oasis:names:tc:SAML:2.0:bindings:SOAP"
        Location="https://idp.alder.example/saml/artifact" index="0" isDefault="true"/>
    <md:SingleLogoutService Binding="{_REDIRECT}" Location="https://idp.alder.example/saml/slo"/>
    <md:SingleLogoutService Binding="{_POST}" Location="https://idp.alder.example/saml/slo"/>
    <md:NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:persistent</md:NameIDFormat>
    <md:NameIDFormat>urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress</md:NameIDFormat>
    <md:SingleSignOnService Binding="{_REDIRECT}" Location="https://idp.alder.example/saml/sso"/>
    <md:SingleSignOnService Binding="{_POST}" Location="https://idp.alder.example/saml/sso"/>
    <saml:Attribute Name="urn:oid:0.9.2342.19200300.100.1.3" FriendlyName="mail"
        NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri"/>
    <saml:Attribute Name="urn:oid:1.3.6.1.4.1.5923.1.1.1.7" FriendlyName="eduPersonEntitlement"
        NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri"/>
  </md:IDPSSODescriptor>
  <md:Organization>
    <md:OrganizationName xml:lang="en">Alder Ltd</md:OrganizationName>
    <md:OrganizationDisplayName xml:lang="en">Alder</md:OrganizationDisplayName>
    <md:OrganizationURL xml:lang="en">https://www.alder.example/</md:OrganizationURL>
  </md:Organization>
  <md:ContactPerson contactType="technical">
    <md:SurName>Identity operations</md:SurName>
    <md:EmailAddress>mailto:identity@alder.example</md:EmailAddress>
  </md:ContactPerson>
</md:EntityDescriptor>
"""


def metadata(entity_id: str = ENTITY_ID) -> str:
    """The document of the customer's own provider, under the name ``entity_id``."""
    return _DOCUMENT.replace("@ENTITY", entity_id)


def entities(document: str) -> str:
    """What the federation publishes for the customer: ``document``, and the provider for its partners' staff."""
    partners = (
        _DOCUMENT.replace("@ENTITY", PARTNERS_ID)
        .replace("//idp.alder.example/saml/", "//partners.alder.example/saml/")
        .replace(SIGNING, _PARTNERS_SIGNING)
        .replace("kid-2026-10", "kid-2026-11")
        .replace("_7c1f0f5e-alder", "_7c1f0f5e-partners")
    )
    starts = "<md:EntityDescriptor"
    head = document.partition(starts)[0]
    inner = "".join("".join(text.partition(starts)[1:]) for text in (document, partners))
    names = 'xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"'
    return f'{head}<md:EntitiesDescriptor {names} Name="https://federation.example/alder">\n{inner}</md:EntitiesDescriptor>\n'
