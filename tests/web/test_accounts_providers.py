"""Signing in with a provider's word: a generic one and CIS2, over real HTTP on loopback, with real signatures and lies."""

from __future__ import annotations

import time

import provider_double
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

import web_support
from stepwell.errors import Refused
from stepwell.web.accounts import providers, services
from stepwell.web.accounts.models import Identity, ProviderSession
from stepwell.web.config import environment
from stepwell.web.core import clock
from stepwell.web.core.actor import Actor

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("tests")
SUBJECT = "787807429511"
PASSWORD = "a long walk down the steps"
GP_CARD = [{"org_code": "P1", "person_orgid": "1", "person_roleid": "2", "role_code": "S8000:G8000:R8000", "role_name": "Clinical"}]


@pytest.fixture(scope="module")
def server():
    with provider_double.running() as provider:
        yield provider


@pytest.fixture
def oidc(server, settings):
    """A provider of the organisation, with a client secret; it says nothing about how strongly it asked."""
    settings.SIGN_IN_PROVIDERS = environment.sign_in_providers(
        {
            "STEPWELL_OIDC_ISSUER": server.issuer,
            "STEPWELL_OIDC_NAME": "Northvale ID",
            "STEPWELL_OIDC_CLIENT_ID": "stepwell",
            "STEPWELL_OIDC_CLIENT_SECRET": "a secret",
        }
    )
    yield _fresh(server)


@pytest.fixture
def cis2(server, settings, tmp_path):
    """NHS Care Identity: signed requests, a level of assurance, the roles on the smartcard."""
    file = tmp_path / "key.pem"
    file.write_bytes(RSAKey.generate_key(2048).as_pem(private=True))
    settings.SIGN_IN_PROVIDERS = environment.sign_in_providers(
        {"STEPWELL_CIS2_ISSUER": server.issuer, "STEPWELL_CIS2_CLIENT_ID": "stepwell", "STEPWELL_CIS2_KEY_FILE": str(file)}
    )
    fresh = _fresh(server)
    fresh.claims = {"acr": "AAL3_ANY", "sid": "there-1"}
    fresh.told = {"nhsid_nrbac_roles": GP_CARD}
    yield fresh


def _fresh(server):
    providers._client.cache_clear()
    server.claims, server.told, server.asked, server.down = {}, {}, [], False
    return server


@pytest.fixture
def linked(network):
    """The GP has linked the provider to her account."""

    def link(key, who="gp"):
        user = network.members[who].user
        return Identity.objects.create(user=user, provider=key, subject=SUBJECT, linked_at=clock.now())

    return link


def there_and_back(client, server, key, query=""):
    away = client.get(f"/sign-in/with/{key}{query}")
    assert away.status_code == 302, away.content.decode()
    return client.get(f"/sign-in/with/{key}/back", server.authorise(away.headers["Location"]))


# A generic provider


def test_somebody_linked_signs_in_and_it_is_recorded(client, oidc, linked):
    linked("oidc")
    assert "Sign in with Northvale ID" in client.get("/sign-in").content.decode()
    with web_support.recorded() as trail:
        assert there_and_back(client, oidc, "oidc", "?next=/account").headers["Location"] == "/account"
    assert [entry.user_name for entry in trail.writes("sign in")] == ["Dr Amara Osei"]
    assert "Dr Amara Osei · GP" in client.get("/account").content.decode()
    assert oidc.asked[0]["authorization"].startswith("Basic ")
    assert len(oidc.asked[0]["code_verifier"]) >= 43
    assert oidc.request["code_challenge_method"] == "S256"


def test_the_word_of_a_provider_makes_no_account(client, oidc, network):
    response = there_and_back(client, oidc, "oidc")
    assert response.status_code == 422
    assert "does not know this Northvale ID sign-in" in response.content.decode()
    assert client.get("/account").status_code == 302


def test_a_provider_that_says_nothing_of_strength_is_one_step_only(client, oidc, linked, settings):
    settings.SECOND_STEP = "everyone"
    linked("oidc")
    there_and_back(client, oidc, "oidc")
    assert client.get("/account").headers["Location"] == "/account/second-step"


@pytest.mark.parametrize(
    "lie",
    [
        {"nonce": "another"},
        {"aud": "another client"},
        {"iss": "https://elsewhere.example"},
        {"exp": 1},
        {"iat": 4_000_000_000},
        {"sub": None},
    ],
)
def test_a_token_that_is_not_for_us_now_is_refused(client, oidc, linked, lie):
    linked("oidc")
    oidc.claims = lie
    response = there_and_back(client, oidc, "oidc")
    assert response.status_code == 422
    assert "did not work" in response.content.decode()
    assert client.get("/account").status_code == 302


def test_a_token_signed_by_another_key_is_refused(client, oidc, linked, monkeypatch):
    linked("oidc")
    other = RSAKey.generate_key(2048, {"kid": oidc.key.kid})
    sign = oidc.sign
    monkeypatch.setattr(oidc, "sign", lambda claims, key=None: sign(claims, other))
    assert there_and_back(client, oidc, "oidc").status_code == 422
    assert client.get("/account").status_code == 302


def test_coming_back_with_another_state_or_without_having_gone_is_refused(client, oidc, linked):
    linked("oidc")
    assert client.get("/sign-in/with/oidc/back", {"code": "x", "state": "y"}).status_code == 422
    client.get("/sign-in/with/oidc")
    assert client.get("/sign-in/with/oidc/back", {"code": "x", "state": "y"}).status_code == 422
    assert client.get("/sign-in/with/oidc/back", {"error": "access_denied"}).status_code == 422
    assert client.get("/account").status_code == 302
    assert oidc.asked == []


def test_a_provider_that_does_not_answer_is_told(client, oidc, linked):
    linked("oidc")
    oidc.down = True
    response = client.get("/sign-in/with/oidc")
    assert response.status_code == 503
    assert "Sign in another way" in response.content.decode()


def test_a_provider_that_is_not_set_up_is_not_there(client, network):
    assert client.get("/sign-in/with/oidc").status_code == 404
    assert client.get("/sign-in/with/oidc/back").status_code == 404
    assert client.post("/sign-in/with/oidc/signed-out").status_code == 404


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example"])
def test_next_stays_here(client, oidc, linked, target):
    linked("oidc")
    assert there_and_back(client, oidc, "oidc", f"?next={target}").headers["Location"] == "/"


def test_linking_and_taking_away(signed_in, client, oidc, network):
    gp = signed_in("gp")
    response = there_and_back(gp, oidc, "oidc", "?for=link")
    assert response.headers["Location"] == "/account?said=linked"
    assert oidc.request["prompt"] == "login"
    assert "Northvale ID" in gp.get("/account").content.decode()
    visitor = type(client)()
    assert there_and_back(visitor, oidc, "oidc").headers["Location"] == "/"
    assert gp.post("/account/providers/oidc/unlink").headers["Location"] == "/account?said=unlinked"
    assert there_and_back(type(client)(), oidc, "oidc").status_code == 422


def test_one_sign_in_is_one_persons(signed_in, oidc, linked):
    linked("oidc", "nurse")
    assert "belongs to another account" in there_and_back(signed_in("gp"), oidc, "oidc", "?for=link").content.decode()
    assert Identity.objects.get().user.username == "nurse"


def test_linking_needs_to_be_signed_in_lately(signed_in, oidc):
    gp = signed_in("gp")
    session = gp.session
    session[services.STARTED_KEY] -= 16 * 60
    session.save()
    assert gp.get("/sign-in/with/oidc?for=link").headers["Location"].startswith("/sign-in/again")


def test_showing_again_with_the_provider(signed_in, oidc, linked):
    linked("oidc")
    gp = signed_in("gp")
    session = gp.session
    session[services.STARTED_KEY] -= 16 * 60
    session.save()
    assert "Show it with Northvale ID" in gp.get("/sign-in/again").content.decode()
    oidc.claims = {"auth_time": int(time.time()) - 3600}
    assert "did not ask you again" in there_and_back(gp, oidc, "oidc", "?for=again&next=/account").content.decode()
    oidc.claims = {"auth_time": int(time.time())}
    assert there_and_back(gp, oidc, "oidc", "?for=again&next=/account").headers["Location"] == "/account"
    assert gp.get("/account/second-step/app").status_code == 200


def test_somebody_elses_sign_in_shows_nothing_of_mine(signed_in, oidc, linked):
    linked("oidc", "nurse")
    assert "somebody else" in there_and_back(signed_in("gp"), oidc, "oidc", "?for=again").content.decode()


# CIS2


def test_a_smartcard_signs_in_with_a_signed_request(client, cis2, linked, settings):
    settings.SECOND_STEP = "everyone"  # the smartcard is the second step
    linked("cis2")
    assert there_and_back(client, cis2, "cis2").headers["Location"] == "/"
    assert client.get("/account").status_code == 200
    assert cis2.request["acr_values"] == "AAL3_ANY"
    assert set(cis2.request["scope"].split()) >= {"openid", "nationalrbacaccess", "associatedorgs", "nhsperson"}
    asked = cis2.asked[0]
    assert asked["client_assertion_type"].endswith("jwt-bearer")
    assert not asked["authorization"]
    ours = KeySet.import_key_set(client.get("/.well-known/jwks.json").json())
    signed = jwt.decode(asked["client_assertion"], ours, algorithms=["RS512"])
    assert signed.header["alg"] == "RS512"
    assert (signed.claims["iss"], signed.claims["sub"]) == ("stepwell", "stepwell")
    assert signed.claims["aud"] == f"{cis2.issuer}/token"


def test_our_published_keys_are_the_public_halves(client, cis2):
    (key,) = client.get("/.well-known/jwks.json").json()["keys"]
    assert set(key) >= {"kty", "n", "e", "kid"}
    assert not {"d", "p", "q"} & set(key)


@pytest.mark.parametrize("acr", ["AAL2_OR_AAL3_ANY", "AAL1_USERPASS", ""])
def test_a_weaker_sign_in_is_refused(client, cis2, linked, acr):
    linked("cis2")
    cis2.claims["acr"] = acr
    assert "not as strongly as Stepwell needs" in there_and_back(client, cis2, "cis2").content.decode()
    assert client.get("/account").status_code == 302


@pytest.mark.parametrize(
    "roles",
    [
        [],
        [{"org_code": "P9", "role_code": "S8000:G8000:R8000"}],
        [{"org_code": "P1", "role_code": "S8000:G8000:R8001"}],
        [{"org_code": "P1", "role_code": "R0000"}],
    ],
)
def test_a_card_without_the_role_opens_nothing(client, cis2, linked, roles):
    linked("cis2")
    cis2.told = {"nhsid_nrbac_roles": roles}
    assert "None of your roles" in there_and_back(client, cis2, "cis2").content.decode()
    assert client.get("/account").status_code == 302


def test_a_card_narrows_to_the_roles_it_carries(client, cis2, linked, network):
    user = linked("cis2").user
    other = services.add_membership(
        SYSTEM, user=user, organisation=network.organisations["T1"], role_key="psychiatrist", from_on=web_support.LONG_AGO
    )
    assert there_and_back(client, cis2, "cis2").headers["Location"] == "/"
    assert "GP, Riverside Surgery" in client.get("/account").content.decode()
    assert client.post("/sign-in/role", {"membership": other.pk}).status_code == 404
    cis2.told = {"nhsid_nrbac_roles": [*GP_CARD, {"org_code": "T1", "role_code": "S8000:G8000:R8000"}]}
    assert there_and_back(type(client)(), cis2, "cis2").headers["Location"] == "/sign-in/role"


def test_an_answer_about_somebody_else_is_refused(client, cis2, linked):
    linked("cis2")
    cis2.told = {"sub": "another", "nhsid_nrbac_roles": GP_CARD}
    assert there_and_back(client, cis2, "cis2").status_code == 422
    assert client.get("/account").status_code == 302


def test_every_national_code_carries_roles_that_exist():
    from stepwell.web.accounts.roles import role

    for code, row in providers.national_roles().items():
        assert code[0] == "R"
        assert row["name"]
        assert [role(key) for key in row["carries"]]


# Signing out there


@pytest.mark.parametrize("about", [{"sid": "there-1"}, {"sub": SUBJECT}, {"sub": SUBJECT, "sid": "there-1"}])
def test_signing_out_there_ends_it_here(client, cis2, linked, about):
    linked("cis2")
    there_and_back(client, cis2, "cis2")
    with web_support.recorded() as trail:
        token = cis2.logout_token("stepwell", **about)
        assert type(client)().post("/sign-in/with/cis2/signed-out", {"logout_token": token}).status_code == 200
    assert [entry.reason for entry in trail.writes("signed out at provider")] == ["1"]
    assert client.get("/account").status_code == 302
    assert not ProviderSession.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "another client"},
        {"iat": 1_600_000_000},
        {"events": {}},
        {"nonce": "n"},
        {"sid": None},
        {"key": RSAKey.generate_key(2048)},
    ],
)
def test_a_token_that_is_no_sign_out_ends_nothing(client, cis2, linked, wrong):
    linked("cis2")
    there_and_back(client, cis2, "cis2")
    token = cis2.logout_token("stepwell", **{"sid": "there-1", **wrong})
    assert client.post("/sign-in/with/cis2/signed-out", {"logout_token": token}).status_code == 400
    assert client.get("/account").status_code == 200


def test_nonsense_for_a_token_ends_nothing(client, cis2, linked):
    for token in ("", "x", "a.b.c"):
        assert client.post("/sign-in/with/cis2/signed-out", {"logout_token": token}).status_code == 400


def test_new_keys_there_are_fetched_once_they_are_needed(client, cis2, linked, monkeypatch):
    linked("cis2")
    there_and_back(client, cis2, "cis2")
    new = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"})
    new.ensure_kid()
    monkeypatch.setattr(cis2, "key", new)
    token = cis2.logout_token("stepwell", sid="there-1")
    assert client.post("/sign-in/with/cis2/signed-out", {"logout_token": token}).status_code == 200
    assert client.get("/account").status_code == 302
    stranger = RSAKey.generate_key(2048, {"kid": "unknown"})
    for _ in range(8):
        forged = jwt.encode({"alg": "RS256", "kid": "unknown"}, {"iss": cis2.issuer}, stranger)
        assert client.post("/sign-in/with/cis2/signed-out", {"logout_token": forged}).status_code == 400


def test_each_sign_in_stands_for_itself(client, cis2, linked, network):
    """By smartcard with one role, then by password in the same browser: nothing of the card is left."""
    user = linked("cis2").user
    services.add_membership(
        SYSTEM, user=user, organisation=network.organisations["T1"], role_key="psychiatrist", from_on=web_support.LONG_AGO
    )
    user.set_password(PASSWORD)
    user.save()
    there_and_back(client, cis2, "cis2")
    assert client.get("/who-is-who").status_code == 200
    assert client.post("/sign-in", {"username": "gp", "password": PASSWORD}).headers["Location"] == "/sign-in/role"
    html = client.get("/sign-in/role").content.decode()
    assert "Psychiatrist" in html
    assert client.get("/who-is-who").headers["Location"] == "/sign-in/role"


def test_somebody_elses_session_there_is_not_ended(client, cis2, linked):
    linked("cis2")
    there_and_back(client, cis2, "cis2")
    token = cis2.logout_token("stepwell", sub="somebody else")
    assert client.post("/sign-in/with/cis2/signed-out", {"logout_token": token}).status_code == 200
    assert client.get("/account").status_code == 200


# Settings


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"STEPWELL_OIDC_ISSUER": "http://id.example"}, "https://"),
        ({"STEPWELL_OIDC_ISSUER": "https://id.example"}, "STEPWELL_OIDC_CLIENT_ID is not set"),
        ({"STEPWELL_OIDC_ISSUER": "https://id.example", "STEPWELL_OIDC_CLIENT_ID": "x"}, "STEPWELL_OIDC_CLIENT_SECRET is not set"),
        ({"STEPWELL_CIS2_ISSUER": "https://id.example", "STEPWELL_CIS2_CLIENT_ID": "x"}, "STEPWELL_CIS2_KEY_FILE is not set"),
    ],
)
def test_a_provider_half_set_up_is_refused_at_the_start(environ, told):
    with pytest.raises(Refused, match=told):
        environment.sign_in_providers(environ)


def test_nothing_set_is_no_provider():
    assert environment.sign_in_providers({}) == []
