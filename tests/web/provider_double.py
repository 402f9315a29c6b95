"""An OpenID Connect provider on loopback, for tests: real HTTP, real signatures, and it can be told to lie."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey


class FakeProvider:
    """`claims` and `told` are what it says of whoever signs in; `asked` what it was asked at its token endpoint."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"})
        self.key.ensure_kid()
        self.claims: dict[str, Any] = {}
        self.told: dict[str, Any] = {}
        self.asked: list[dict[str, str]] = []
        self.nonce = ""
        self.issuer = ""
        self.down = False

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/jwks",
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def authorise(self, address: str) -> dict[str, str]:
        """What a browser does there: takes the request, gives the way back (code and state)."""
        given = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        self.nonce = given["nonce"]
        self.request = given
        return {"code": "a-code", "state": given["state"]}

    def sign(self, claims: dict[str, Any], key: RSAKey | None = None) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, key or self.key)

    def token(self, client_id: str) -> dict[str, Any]:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": client_id, "sub": "787807429511", "exp": now + 300, "iat": now, "nonce": self.nonce}
        return {"access_token": "an-access-token", "token_type": "Bearer", "id_token": self.sign({**claims, **self.claims})}

    def logout_token(self, client_id: str, *, key: RSAKey | None = None, **claims: Any) -> str:
        usual = {
            "iss": self.issuer,
            "aud": client_id,
            "iat": int(time.time()),
            "jti": "1",
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        }
        return self.sign({name: value for name, value in {**usual, **claims}.items() if value is not None}, key)


@contextmanager
def running() -> Iterator[FakeProvider]:
    provider = FakeProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers = {
                "/.well-known/openid-configuration": provider.metadata,
                "/jwks": lambda: KeySet([provider.key]).as_dict(private=False),
                "/userinfo": lambda: {"sub": "787807429511", **provider.told},
            }
            self._answer(answers.get(self.path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            given = {name: values[0] for name, values in parse_qs(body).items()}
            provider.asked.append({**given, "authorization": self.headers.get("Authorization", "")})
            client_id = given.get("client_id") or "stepwell"
            self._answer((lambda: provider.token(client_id)) if self.path == "/token" else None)

        def _answer(self, make: Any) -> None:
            found = make is not None and not provider.down
            content = json.dumps(make() if found else {"error": "not here"}).encode()
            self.send_response(200 if found else 503)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
