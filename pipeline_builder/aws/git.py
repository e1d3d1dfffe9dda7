"""git at AWS: the signature that CodeCommit and the git endpoint of connections take for a password."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipeline_builder.aws.client import translated
from pipeline_builder.errors import OutsideFailure, Problem

if TYPE_CHECKING:
    from boto3.session import Session

# Both endpoints take this service's signatures.
_SERVICE = "codecommit"
_METHOD = "GIT"


class AwsGitSigner:
    """Signs with the credentials of this process or of a profile, which are looked up when first used and renewed by
    botocore: what is signed last is good, however long a command takes.
    """

    def __init__(self, region: str, now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)) -> None:
        self._region = region
        self._now = now
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def region(self, profile: str) -> str:
        """Return the profile's Region, that of the command where there is no profile.

        Raises:
            OutsideFailure: PB701 for a profile that isn't there, PB702 without a Region.
        """
        found = (not profile and self._region) or self._session(profile).region_name or self._region
        if not found:
            hint = "write codecommit::REGION://NAME, or set SMP_REGION or AWS_DEFAULT_REGION"
            raise OutsideFailure(Problem(id="PB702", message="no Region for CodeCommit", hint=hint))
        return str(found)

    def has_access(self, profile: str) -> bool:
        """Tell whether there are credentials; where they can't be had, there are none."""
        try:
            with translated("git", "credentials"):
                return self._session(profile).get_credentials() is not None
        except OutsideFailure:
            return False

    def login(self, url: str, region: str, profile: str) -> str:
        """Return the access key, with the session's token where there is one, and the signature as a password.

        The scheme is that of `aws codecommit credential-helper` and of git-remote-codecommit.

        Raises:
            OutsideFailure: PB701 without credentials.
        """
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        with translated("git", "credentials"):
            found = self._session(profile).get_credentials()
            credentials = found.get_frozen_credentials() if found else None
        if credentials is None:
            hint = "log in ('aws configure', 'aws sso login'), or name a profile with AWS_PROFILE"
            raise OutsideFailure(Problem(id="PB701", message="no credentials for AWS to sign for git with", hint=hint))
        parts = urlsplit(url)
        request = AWSRequest(method=_METHOD, url=url)
        stamp = self._now().strftime("%Y%m%dT%H%M%S")
        request.context["timestamp"] = stamp
        signer = SigV4Auth(credentials, _SERVICE, region)
        canonical = f"{_METHOD}\n{parts.path}\n\nhost:{parts.hostname}\n\nhost\n"
        signature = signer.signature(signer.string_to_sign(request, canonical), request)
        name = credentials.access_key + (f"%{credentials.token}" if credentials.token else "")
        return f"{name}:{stamp}Z{signature}"

    def _session(self, profile: str) -> Session:
        import boto3

        with self._lock, translated("git", "credentials"):
            if profile not in self._sessions:
                self._sessions[profile] = boto3.Session(profile_name=profile or None)
            return self._sessions[profile]
