"""Workspaces, tenants, people and what they may do in them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from handrail.access.keeping_models import Erasure as Erasure  # noqa: PLC0414 - exported
from handrail.access.keeping_models import LegalHold as LegalHold  # noqa: PLC0414 - exported
from handrail.access.session_store import SessionStore
from handrail.kernel.assertions import ApprovalProof


class UserManager(BaseUserManager["User"]):
    use_in_migrations = True

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save()
        return user


class User(AbstractUser):
    username = None  # type: ignore[assignment]
    email = models.EmailField(unique=True)
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()  # type: ignore[assignment,misc]

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_ci")]


class Identity(models.Model):
    """Who a person is at the identity provider: for ever that ``subject`` of that ``issuer`` (without a final slash),
    whatever their address is. A person has one; another takes its place only after an administrator removed it."""

    issuer = models.CharField(max_length=500)
    subject = models.CharField(max_length=255)
    user = models.OneToOneField(User, on_delete=models.PROTECT)
    joined_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["issuer", "subject"], name="identity_once")]


class Workspace(models.Model):
    """``second_factor_since``: from when on its members need a second factor; None where a password will do."""

    slug = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=120)
    created_at = models.DateTimeField()
    second_factor_since = models.DateTimeField(null=True)


class Tenant(models.Model):
    """``key`` is the customer's identifier in the authoritative registry, unique within the workspace. Nothing new
    begins for a tenant with ``closed_at``."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    key = models.CharField(max_length=128)
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    closed_by = models.CharField(max_length=254, null=True)  # noqa: DJ001 - absent, as its pair closed_at
    closed_reason = models.CharField(max_length=500, null=True)  # noqa: DJ001 - likewise

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "key"], name="tenant_key_once"),
            models.CheckConstraint(
                condition=Q(closed_at=None, closed_by=None, closed_reason=None)
                | Q(closed_at__isnull=False, closed_by__isnull=False, closed_reason__isnull=False),
                name="tenant_closed_paired",
            ),
        ]


class Membership(models.Model):
    """``all_tenants`` entitles to every tenant of the workspace; otherwise only to those in ``tenants``."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    user = models.ForeignKey(User, on_delete=models.PROTECT)
    roles = ArrayField(models.CharField(max_length=32), default=list)
    all_tenants = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    tenants: models.ManyToManyField[Tenant, TenantEntitlement] = models.ManyToManyField(
        Tenant, through="TenantEntitlement", related_name="+"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "user"], name="membership_once")]


class TenantEntitlement(models.Model):
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["membership", "tenant"], name="entitlement_once")]


class LoginSession(AbstractBaseSession):
    """A session of Django's, with whose it is and how it began. Its data holds the same; see ``session_store``."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True)
    ref = models.CharField(max_length=24)
    method = models.CharField(max_length=16)
    address = models.CharField(max_length=45)
    agent = models.CharField(max_length=80)
    begun_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)

    @classmethod
    def get_session_store_class(cls) -> type[SessionStore]:
        return SessionStore


class AccessToken(models.Model):
    """A key to the API. Only the digest is kept; what it opens is asked of the membership each time, and is no more
    than ``scopes`` (``access/scopes.py``) name."""

    ref = models.CharField(max_length=24, unique=True)
    membership = models.ForeignKey(Membership, on_delete=models.PROTECT)
    name = models.CharField(max_length=80)
    digest = models.CharField(max_length=71, unique=True)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=254)
    expires_at = models.DateTimeField()
    scopes = ArrayField(models.CharField(max_length=40), default=list)
    last_used_at = models.DateTimeField(null=True)
    last_used_from = models.CharField(max_length=64, default="")
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.CharField(max_length=254, null=True)  # noqa: DJ001 - absent, as its pair revoked_at

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(revoked_at=None, revoked_by=None) | Q(revoked_at__isnull=False, revoked_by__isnull=False),
                name="token_revoked_paired",
            )
        ]


class Passkey(models.Model):
    """A passkey as it was enrolled, which never changes. While it opens the account there is a row of allauth's beside
    it, with its present name, its counter and its last use.

    ``credential_id`` is base64url without padding; ``public_key`` the SubjectPublicKeyInfo in DER, in base64. ``alg``
    is COSE's number; ``enrolled_with`` how the session had last been proven (``proofs.ProofMethod``).
    """

    ref = models.CharField(max_length=24, unique=True)
    user = models.ForeignKey(User, on_delete=models.PROTECT)
    name = models.CharField(max_length=80)
    credential_id = models.CharField(max_length=1400, unique=True)
    public_key = models.TextField()
    alg = models.IntegerField()
    aaguid = models.CharField(max_length=36)
    attestation = models.CharField(max_length=32)
    user_verified = models.BooleanField()
    relying_party = models.CharField(max_length=253)
    origin = models.CharField(max_length=300)
    enrolled_with = models.CharField(max_length=16)
    at = models.DateTimeField()
    by = models.CharField(max_length=254)


class PasskeyConfirmation(models.Model):
    """That a second person has confirmed whose passkey it is: from then on it counts for signing in the workspace."""

    passkey = models.ForeignKey(Passkey, on_delete=models.PROTECT, related_name="confirmations")
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    user_id = models.BigIntegerField(null=True)
    by = models.CharField(max_length=254)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["passkey", "workspace"], name="passkey_confirmed_once")]


class PasskeyRemoval(models.Model):
    """The end of a passkey, everywhere and for ever. ``kind``: ``suspended`` by the signer whose it is, ``removed`` by
    somebody who manages members, or by a person who signs nothing; a suspended one may still be removed. ``within``:
    the workspace for which somebody else did it, by slug."""

    passkey = models.ForeignKey(Passkey, on_delete=models.PROTECT, related_name="removals")
    kind = models.CharField(max_length=16)
    within = models.CharField(max_length=64, default="")
    user_id = models.BigIntegerField(null=True)
    by = models.CharField(max_length=254)
    reason = models.CharField(max_length=500)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["passkey", "kind"], name="passkey_ended_once")]


class SigningCeremony(models.Model):
    """A statement that a person was asked to sign with their passkey (``signatures``). It is used once: ``used_at``."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, db_index=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT)
    session = models.CharField(max_length=24)
    subject_kind = models.CharField(max_length=24)
    subject = models.CharField(max_length=200)
    act = models.CharField(max_length=16)
    nonce = models.CharField(max_length=64, unique=True)
    statement = models.TextField()
    begun_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(expires_at__gt=models.F("begun_at")), name="ceremony_ends_after_begin")
        ]


class SignedAct(models.Model):
    """What shows that an act is a person's: a click, a click after a second factor, or their passkey's signature over
    ``statement``, with the key and how it was enrolled. Bytes are base64. Rows of these tables are only ever added."""

    user_id = models.BigIntegerField()
    proof = models.CharField(max_length=16, choices=[(one.value, one.value) for one in ApprovalProof])
    nonce = models.CharField(max_length=64, default="")
    statement = models.TextField(default="")
    key_ref = models.CharField(max_length=24, default="")
    public_key = models.TextField(default="")
    algorithm = models.CharField(max_length=8, default="")
    authenticator_data = models.TextField(default="")
    client_data = models.TextField(default="")
    signature = models.TextField(default="")
    enrolment = models.JSONField(null=True)

    class Meta:
        abstract = True


class Visit(models.Model):
    """What a person has opened, the last few things of each workspace (``visits``): for them alone."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, db_index=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, db_index=False)
    kind = models.CharField(max_length=16)
    ref = models.CharField(max_length=128)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "user", "kind", "ref"], name="visited_once")]
