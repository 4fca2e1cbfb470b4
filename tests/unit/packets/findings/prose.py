"""Ordinary notes of a bridge, made up: nothing in them must not leave. They have names of products, versions, times,
references of tickets and public hosts, as such notes have."""

from __future__ import annotations

ENGLISH = """
Logins fail for every user of the tenant since 07:58 UTC.
The vendor's status page names the signing service as degraded.
All SAML responses are rejected with status Responder, sub-status AuthnFailed.
The signing key id in the metadata is idp-signing-2026-07, and it matches the inventory.
CASE-7001 was opened at 2026-11-20T07:58:00Z with priority set by the desk.
We restarted the connector twice; the second restart at 08:14 made no difference.
The certificate expires on 2027-03-01, so this is no expired certificate.
Chrome 130.0.6723.92 and Firefox 132.0 behave the same; Safari 18.1 was not tried.
Requests to https://login.vendor.example/saml/sso answer 503 within 120 ms.
The password is wrong according to the log-in page, although nobody changed it.
Users see the message that their session has expired, and are sent back to the log-in page.
Token validation fails with invalid_signature; the token itself is well formed.
The error is urn:oasis:names:tc:SAML:2.0:status:NoAuthnContext for about one in ten.
OAuth 2.0 clients with PKCE are affected in the same way as SAML 2.0 ones.
Since 09:12 the rate of errors is back to normal: 0.2 % of 14,500 log-ins an hour.
Version 4.2.1 of the gateway is deployed in eu-west-1 and us-east-1; both are affected.
The metadata at https://idp.alder.example/federation/metadata was read at 08:30 and is signed.
Ticket VND-20418 at the vendor is open; the earlier one, VND-19877, was closed in October.
We asked whether key rotation took place; the answer was that none was planned.
Clock skew was measured at 3 seconds, which the assertion's window of 300 s allows.
The customer's directory has 12,400 accounts, of which about 9,000 log in on a Monday.
The change CHG-44120 of last night touched the load balancer only and was rolled back at 06:10.
HTTP/2 streams are reset with INTERNAL_ERROR after the POST to the assertion consumer.
The trace shows 2.4 s in the gateway, then a time-out of the signing call after 10 s.
Every attempt ends in a 502; retries after 5, 10 and 20 s end in the same way.
TLS 1.3 is negotiated with the cipher TLS_AES_256_GCM_SHA384 in all captures.
The vendor reported at 10:40 that a deployment of release 2026.11.3 had been stopped.
Password resets are not affected, and the service desk handles them as usual.
The API key page of the console opens, but saving a new key ends in an error.
Both data centres are affected, so fail-over to the second one does not help.
The access token is short-lived (five minutes), the refresh token lives for a day.
A new browser profile without extensions shows the same behaviour.
RFC 7522 requires an audience, and the assertion has one: https://sp.vendor.example.
Since the upgrade from 18.0.2 to 18.1 the connector logs a warning an hour about its cache.
The outage was announced to users at 08:45 and again at 11:00.
Single sign-on for the intranet still works; it does not go through the vendor.
Three of the four regions recovered by 09:05; ap-southeast-2 took until 09:30.
The secret of the client was rotated as planned on 12 November and works since.
The group claim is missing from the assertion: 14 groups before, none now.
With the metadata of yesterday, log-in works again; with that of today it does not.
Latency is p50 180 ms and p99 2,350 ms, against 95 ms and 400 ms a week ago.
NameID format is persistent; transient was tried and made no difference.
The proxy answers 407 to requests without a user, which is as it should be.
We need the vendor to look at the requests between 08:00 and 08:20 UTC.
The bug looks like the one that release notes of 4.1.9 describe under SUP-8812.
No change was made on our side since Friday, 13 November 2026.
One user in Lisbon reports success after 14 tries; nobody else does.
The console shows state degraded for connector class saml-idp.
ECDSA with P-256 and SHA-256 is used since the rotation; RSA-2048 before.
Signing requests queue up to 1,200 and then time out after 30 seconds.
The login page says that the account is locked, and unlocking it has no effect.
Cookies are set with SameSite=None and Secure, as before.
Log-in with a passkey works; log-in with password and code does not.
IPv6 makes no difference, nor does HTTP/1.1 instead of HTTP/2.
The webhook was delivered 4 times; each delivery got a 200 within 90 ms.
Monitoring alerted at 07:59 (severity 2) and resolved itself at 09:14.
Kubernetes restarted the gateway's pods with CrashLoopBackOff until 08:40.
JWT header: alg RS256, typ JWT; the kid is one that the key set does not list.
The audience restriction names https://sp.vendor.example/saml/metadata and nothing else.
Please compare with the captures har-1 and trace-1 that are attached.
""".strip().splitlines()

GERMAN = """
Seit 07:58 UTC schlagen alle Anmeldungen des Mandanten fehl.
Das Kennwort ist laut Anmeldeseite falsch, obwohl es niemand geändert hat.
Die Statusseite des Herstellers nennt den Signaturdienst als gestört.
Version 4.2.1 des Gateways läuft in eu-central-1, der Fehler tritt überall auf.
Nach dem Neustart um 08:14 Uhr kam die gleiche Meldung, Vorgang VND-20418.
Das Zertifikat läuft erst am 01.03.2027 ab, daran liegt es also nicht.
Die Metadaten unter https://idp.alder.example/federation/metadata sind signiert.
Der Zugriffstoken ist nur fünf Minuten gültig, das ist unverändert.
Zurücksetzen des Passworts funktioniert, die Anmeldung danach nicht.
Bitte die Anfragen zwischen 08:00 und 08:20 Uhr ansehen.
""".strip().splitlines()

FRENCH = """
Depuis 07:58 UTC, aucune connexion n'aboutit pour ce client.
Le mot de passe est refusé alors que personne ne l'a changé.
La page d'état du fournisseur indique que le service de signature est dégradé.
La version 4.2.1 de la passerelle est déployée en eu-west-3.
Après le redémarrage de 08:14, le même message apparaît, ticket VND-20418.
Le certificat expire le 1er mars 2027, ce n'est donc pas la raison.
Les réponses SAML sont rejetées avec le statut Responder.
Le jeton d'accès est valable cinq minutes, comme avant.
La réinitialisation du mot de passe fonctionne, la connexion non.
Merci de regarder les requêtes entre 08:00 et 08:20.
""".strip().splitlines()
