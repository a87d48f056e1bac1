"""A service that is spoken to over HTTP: its address, and what proves who is who.

Nothing comes from the environment: no proxy, no ``.netrc``, no certificates of its choosing. A
file of secrets is read anew for each exchange, so that a token may be rotated beneath a process.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from engine.system.reading import ExposedFileError, read_private, require_regular

if TYPE_CHECKING:
    import ssl

    from engine.settings.table import Table

MAX_SECRET_BYTES = 65_536
MAX_CA_BYTES = 4 * 1024 * 1024
LOOPBACK = ("localhost", "127.0.0.1", "::1")
_KEYS = ("ca_file", "client_cert", "client_key", "token_file")


class UnfitFileError(Exception):
    """A file that an endpoint needs cannot be used.

    Args:
        key: Of the table that names it.
        reason: One clause; holds no secret.
        hint: What to do.
    """

    def __init__(self, key: str, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.key = key
        self.reason = reason
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to, and as whom. Holds paths of secrets, never a secret.

    Attributes:
        url: ``https://host[:port]/path``, or ``http`` where that was allowed.
        ca_file: PEM certificates that the server's is checked against; None: the system's.
        client_cert: PEM certificate that we show.
        client_key: Its private key, readable by its owner alone.
        token_file: Bearer token, or with ``user`` a password, readable by its owner alone.
        user: Name for basic authentication.
        proxy: Address of an HTTP proxy; None: none, whatever the environment says.
    """

    url: str
    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    token_file: Path | None = None
    user: str | None = None
    proxy: str | None = None

    @property
    def address(self) -> SplitResult:
        """The parts of ``url``."""
        return urlsplit(self.url)

    @property
    def shown(self) -> str:
        """Where to, for messages: scheme, host and port, nothing that could be secret."""
        return f"{self.address.scheme}://{self.address.netloc}"

    def headers(self) -> dict[str, str]:
        """Return the headers that say who asks.

        Raises:
            UnfitFileError: The token's file is missing, readable by others, empty or not plain
                text.
        """
        if self.token_file is None:
            return {}
        secret = token_in(self.token_file)
        if self.user is None:
            return {"Authorization": f"Bearer {secret}"}
        pair = base64.b64encode(f"{self.user}:{secret}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}

    def tls(self) -> ssl.SSLContext | None:
        """Return what a TLS connection is checked with; None for plain HTTP.

        Raises:
            UnfitFileError: A certificate or key is missing, not one, or readable by others.
        """
        import ssl

        if self.address.scheme != "https":
            return None
        # not create_default_context: that one lets the environment ask for the session's keys
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        key = "ca_file"
        try:
            if self.ca_file is None:
                _load_own_certs(context)
            else:
                require_regular(self.ca_file, MAX_CA_BYTES)
                context.load_verify_locations(self.ca_file)
            key = "client_cert"
            if self.client_cert is not None and self.client_key is not None:
                require_regular(self.client_cert, MAX_CA_BYTES)
                _secret("client_key", self.client_key)
                # a key with a password is refused: there is nobody to ask
                context.load_cert_chain(self.client_cert, self.client_key, password="")
        except (OSError, ValueError) as error:
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            raise UnfitFileError(
                key, f"{getattr(self, key)}: {reason}", "name a PEM file"
            ) from None
        return context


def _load_own_certs(context: ssl.SSLContext) -> None:
    """Load the system's certificates from where OpenSSL was built to look for them.

    ``load_default_certs`` would take ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` of the environment.
    """
    import ssl

    places = ssl.get_default_verify_paths()
    file, folder = Path(places.openssl_cafile), Path(places.openssl_capath)
    if file.is_file() or folder.is_dir():
        context.load_verify_locations(
            file if file.is_file() else None, folder if folder.is_dir() else None
        )


def endpoint_of(table: Table, folder: Path) -> Endpoint:
    """Return the endpoint that the keys of ``table`` describe.

    Keys: ``url``, ``ca_file``, ``client_cert``, ``client_key``, ``token_file``, ``user``,
    ``proxy``, ``plain_http``. The files are looked at, so that a mistake shows at once.

    Raises:
        ConfigError: A key is wrong, or a file cannot be used; says where.
    """
    url = _url(table, "url")
    paths = {key: folder / table.text(key) for key in _KEYS if table.has(key)}
    user = table.text("user") if table.has("user") else None
    proxy = _url(table, "proxy").geturl() if table.has("proxy") else None
    plain = table.flag("plain_http", default=False)
    if url.scheme == "http" and url.hostname not in LOOPBACK:
        if "token_file" in paths:
            raise table.refused("url", "a token is sent over https only", "write https://…")
        if not plain:
            raise table.refused(
                "url", "anybody on the way can change what plain http says",
                "write https://…, or plain_http = true where the way is yours",
            )  # fmt: skip
    if ("client_cert" in paths) != ("client_key" in paths):
        raise table.refused("client_cert", "certificate and key go together", "name both files")
    if user is not None and "token_file" not in paths:
        raise table.refused("user", "a user without a password", "name its file: token_file = …")
    endpoint = Endpoint(url.geturl(), **paths, user=user, proxy=proxy)
    require_fit(endpoint, table)
    return endpoint


def require_fit(endpoint: Endpoint, table: Table) -> None:
    """Look at the files of ``endpoint``.

    Raises:
        ConfigError: One cannot be used; says where it is named.
    """
    try:
        endpoint.headers()
        endpoint.tls()
    except UnfitFileError as unfit:
        raise table.refused(unfit.key, unfit.reason, unfit.hint) from None


def _url(table: Table, key: str) -> SplitResult:
    text = table.text(key)
    example = "such as https://prometheus.example.org:9090"
    try:
        url = urlsplit(text)
        fits = url.port is None or url.port > 0
    except ValueError as error:
        raise table.refused(key, str(error), example) from None
    if url.username is not None or url.password is not None:
        raise table.refused(key, "holds a user or a password", "token_file names a file with it")
    wrong = url.scheme not in ("http", "https") or not url.hostname or url.fragment or not fits
    if wrong or not text.isascii() or any(ord(sign) <= 32 for sign in text):
        raise table.refused(key, f"{text[:60]!r} is no address", example)
    return url


def token_in(path: Path) -> str:
    """Return the token in a file: one line of plain ASCII, readable by its owner alone.

    Raises:
        UnfitFileError: It is missing, readable by others, empty or not plain text.
    """
    secret = _secret("token_file", path).strip()
    if not secret or not all(33 <= byte <= 126 for byte in secret):
        raise UnfitFileError("token_file", f"{path}: no token in it", "one line, the token")
    return secret.decode()


def _secret(key: str, path: Path) -> bytes:
    """The bytes of a file that only its owner can read."""
    try:
        return read_private(path, MAX_SECRET_BYTES)
    except OSError as error:
        hint = f"chmod 600 {path}" if isinstance(error, ExposedFileError) else _NAME_IT
        raise UnfitFileError(
            key, f"{path}: {(error.strerror or str(error)).lower()}", hint
        ) from None


_NAME_IT = "name a file that only its owner can read; paths are relative to the configuration"
