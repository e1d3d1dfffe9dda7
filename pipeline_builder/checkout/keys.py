"""Keys: what opens a repository, by the credentials that the manifest names for it, and what to do when it doesn't."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from pipeline_builder.checkout.access import Access, Pass, Settings, by_login, if_told, open_access
from pipeline_builder.checkout.deploykeys import UnusableKeyError, by_file, by_key, by_known_hosts
from pipeline_builder.checkout.github import App, AppError, Tokens, api_of
from pipeline_builder.checkout.retries import PassingFailure
from pipeline_builder.checkout.runner import Remote
from pipeline_builder.checkout.settings import network_settings, read_setting
from pipeline_builder.checkout.words import GitError
from pipeline_builder.errors import InputProblems, OutsideFailure, PipelineBuilderError, Problem
from pipeline_builder.manifest.addresses import CodeCommit, is_local, parse_address, parse_codecommit
from pipeline_builder.manifest.known_hosts import read_known_hosts
from pipeline_builder.manifest.manifest import Repo
from pipeline_builder.manifest.secrets import read_named
from pipeline_builder.regions.hosts import host
from pipeline_builder.target import GitSigner, SecretReader

_TOKENS = Tokens()
_HINTS = {
    "connection": "the role needs codeconnections:UseConnection on {what}, a service of before this version "
    "'pipeline-builder deploy'; the connection has to be available, and its app installed for the repository",
    "codecommit": "whoever signs needs codecommit:GitPull on {what}; look at AWS_PROFILE, the Region and the clock",
    "token": "the token that '{what}' names may be expired, or may not read the repository",
    "app": "look whether the app '{what}' still has 'Contents: read' for the repository",
    "": "name a token with 'credentials: env:NAME', and check that it may read the repository",
    "may sign": "write 'credentials: codecommit' to sign with this machine's access to AWS",
    "may go by": "write 'credentials: connection' to go by the connection here as well, or name a token",
}


def no_secrets(secret: str) -> str:
    """Read no secret: for whoever has no AWS at hand."""
    raise InputProblems(Problem(id="PB164", message=f"the secret '{secret}' cannot be read here"))


class NoSigner:
    """Signs nothing: for whoever has no AWS at hand."""

    def region(self, profile: str) -> str:
        """Know no Region."""
        raise _not_here(profile)

    def has_access(self, profile: str) -> bool:
        """Have none."""
        del profile
        return False

    def login(self, url: str, region: str, profile: str) -> str:
        """Sign nothing."""
        del url, region
        raise _not_here(profile)


def _not_here(profile: str) -> OutsideFailure:
    what = f"the profile '{profile}'" if profile else "AWS"
    return OutsideFailure(Problem(id="PB701", message=f"{what} is not asked here to sign for git"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Where credentials come from. `root` is the manifest's folder.

    With `aws` a repository whose trigger is a connection goes by it without being told to, and CodeCommit is signed for
    in any case: builds of the service have nothing else. A machine has what its user's git has. Its settings for the
    `network` are read once for all repositories.
    """

    root: Path
    environment: Mapping[str, str]
    read_secret: SecretReader = no_secrets
    signer: GitSigner = field(default_factory=NoSigner)
    aws: bool = False
    network: Callable[[], Settings] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "network", network_settings(self.environment))


def remote_of(repo: Repo, keys: Keys) -> Remote:
    """Return the repository's address, relative ones from the manifest's folder, and how git is let in there.

    Credentials are read and made when a command begins that meets the remote: what is there already needs none.
    Entering its access raises InputProblems (PB110 for a variable that isn't set, PB164 for a secret that isn't what
    its id says, PB123 for a key that can't be used, PB124 for files of known hosts) and OutsideFailure (PB132 to PB135
    for a GitHub App, PB701 without access to AWS).

    Raises:
        OutsideFailure: PB701, PB702 where an address of CodeCommit names no Region, and nothing else does.
    """
    url = repo.url
    if is_local(url):
        url = url if url.startswith("file://") else os.path.realpath(keys.root / url)  # as a loop, too
        access = if_told(_secret_of(repo, keys)) if repo.credentials else open_access
        return Remote(url=url, local=True, access=_named(access, repo))
    with _at(repo):
        remote = _remote(repo, keys)
    return replace(remote, access=_named(remote.access, repo))


def _remote(repo: Repo, keys: Keys) -> Remote:
    found, kind = parse_codecommit(repo.url), repo.credentials.kind if repo.credentials else None
    if found and (kind == "codecommit" or (kind is None and _is_signed(repo, found, keys))):
        return _codecommit(repo, found, keys)
    if repo.by_connection and (kind == "connection" or keys.aws):
        return _connection(repo, keys)
    if parse_address(repo.url).scheme == "ssh":
        return Remote(url=repo.url, local=False, access=_ssh(repo, keys))
    if kind == "github-app":
        return _github(repo, keys)
    if repo.credentials:
        secret = _secret_of(repo, keys)
        hint = _HINTS["token"].format(what=repo.credentials)
        return Remote(url=repo.url, local=False, access=by_login(repo.url, secret, keys.network), hint=hint)
    better = "may sign" if found else "may go by" if repo.by_connection else ""
    return Remote(url=repo.url, local=False, access=open_access, hint=_HINTS[better])


def _is_signed(repo: Repo, found: CodeCommit, keys: Keys) -> bool:
    """Tell whether CodeCommit is signed for without being told: by builds, and where the user's git has nothing."""
    if not found.host or keys.aws:
        return True
    if not keys.signer.has_access(""):
        return False
    return not read_setting(keys.environment, ["--get-urlmatch", "credential.helper", repo.url]).strip()


def _codecommit(repo: Repo, found: CodeCommit, keys: Keys) -> Remote:
    profile = found.profile or (repo.credentials.name if repo.credentials else "")
    region = found.region or keys.signer.region(profile)
    url = found.url(region)
    access = by_login(url, lambda: keys.signer.login(url, region, profile), keys.network)
    hint = _HINTS["codecommit"].format(what=f"'{found.name}'")
    return Remote(url=url, local=False, access=access, hint=hint)


def _connection(repo: Repo, keys: Keys) -> Remote:
    url, region = connection_url(repo.connection, repo.full_name)
    access = by_login(url, lambda: keys.signer.login(url, region, ""), keys.network)
    return Remote(url=url, local=False, access=access, hint=_HINTS["connection"].format(what=repo.connection))


def connection_url(connection: str, repository: str) -> tuple[str, str]:
    """Return where git finds a repository behind a connection, and the connection's Region.

    Source: "Use CodeConnections" of the guide of EKS's capability for Argo CD; CodePipeline's full clone has the same.
    """
    _, _, service, region, account, resource = connection.split(":", 5)
    number = resource.partition("/")[2]
    base = f"https://{host(service, region)}/git-http"
    return f"{base}/{account}/{region}/{number}/{repository}.git", region


def _github(repo: Repo, keys: Keys) -> Remote:
    address = parse_address(repo.url)
    owner, _, name = address.path.rpartition("/")
    named = repo.credentials
    assert named is not None
    api = (named.api or api_of(address.host)).rstrip("/")
    app = App(id=named.app_id, installation=named.installation_id, api=api, owner=owner, name=name)
    secret = _secret_of(repo, keys)
    login = partial(_token, app, secret, keys)
    access = _renewed(by_login(repo.url, login, keys.network), app)
    return Remote(url=repo.url, local=False, access=access, hint=_HINTS["app"].format(what=app.id))


def _renewed(access: Access, app: App) -> Access:
    """Return the access that keeps no token which was refused: an app that was suspended may be back."""

    @contextmanager
    def enter() -> Iterator[Pass]:
        try:
            with access() as given:
                yield given
        except GitError as error:
            if error.kind in ("authentication", "not found"):
                _TOKENS.forget(app)
            raise

    return enter


def _token(app: App, key: Callable[[], str], keys: Keys) -> str:
    return "x-access-token:" + _TOKENS.token(app, key, keys.environment)


def _ssh(repo: Repo, keys: Keys) -> Access:
    address = parse_address(repo.url)

    def known_hosts() -> str:
        return read_known_hosts(repo.known_hosts, keys.root, address, repo.place)

    if repo.credentials is None:
        return by_known_hosts(known_hosts, keys.environment) if repo.known_hosts else open_access
    if repo.credentials.kind == "ssh":
        return by_file(_path(repo.credentials.name, keys), known_hosts)
    return by_key(_secret_of(repo, keys), known_hosts)


def _path(text: str, keys: Keys) -> Path:
    home = keys.environment.get("HOME", "")
    return Path(home, text.removeprefix("~/")) if text.startswith("~/") and home else keys.root / text


def _secret_of(repo: Repo, keys: Keys) -> Callable[[], str]:
    """Return what reads the secret that a repository's credentials name."""
    assert repo.credentials is not None
    kind, _, name = repo.credentials.text.partition(":")
    what = "the key of its app" if repo.credentials.kind == "github-app" else "its token"

    def read() -> str:
        if kind == "secretsmanager":
            return read_named(name, keys.read_secret, whose=f"the repository '{repo.name}'", place=repo.place)
        if found := keys.environment.get(name, "").strip():
            return found
        message = f"the repository '{repo.name}' takes {what} from '{name}', which is not set"
        raise InputProblems(Problem(id="PB110", message=message, place=repo.place))

    return read


def _named(access: Access, repo: Repo) -> Access:
    """Return the access whose failures are problems at the repository's place."""

    @contextmanager
    def enter() -> Iterator[Pass]:
        with ExitStack() as stack:
            try:
                with _at(repo):
                    given = stack.enter_context(access())
            except UnusableKeyError as error:
                message = f"what '{repo.credentials}' names for the repository '{repo.name}' {error}"
                raise InputProblems(Problem(id="PB123", message=message, place=repo.place, hint=error.hint)) from None
            except AppError as error:
                raise _app_problem(repo, error) from None
            yield given

    return enter


@contextmanager
def _at(repo: Repo) -> Iterator[None]:
    """Put what fails in here at the repository's place, where it has none of its own."""
    try:
        yield
    except PipelineBuilderError as error:
        raise type(error)(*(replace(found, place=found.place or repo.place) for found in error.problems)) from error


def _app_problem(repo: Repo, error: AppError) -> OutsideFailure:
    message = f"the repository '{repo.name}': {error}"
    problem_id = {"key": "PB132", "installation": "PB133", "clock": "PB135"}.get(error.kind, "PB134")
    problem = Problem(id=problem_id, message=message, place=repo.place, hint=error.hint)
    return OutsideFailure(problem) if error.pause is None else PassingFailure(problem, pause=error.pause)
