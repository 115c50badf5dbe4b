import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kilonova_kit.bus import BusAuthority, Credentials, keys
from kilonova_kit.private_files import write_private

# The example of github.com/nats-io/nkeys, README: a seed and its public key made by the original implementation.
KNOWN_SEED = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"
KNOWN_PUBLIC = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"


def claims_of(jwt: str) -> dict[str, object]:
    part = jwt.split(".")[1]
    return msgspec.json.decode(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)), type=dict[str, object])


def test_a_seed_of_the_original_implementation_gives_its_public_key() -> None:
    assert keys.public_key_of(KNOWN_SEED) == KNOWN_PUBLIC


@pytest.mark.parametrize(("kind", "letter"), [("operator", "O"), ("account", "A"), ("user", "U")])
def test_the_first_letters_tell_what_a_key_is_for(kind: keys.KeyKind, letter: str) -> None:
    seed = keys.generate_seed(kind)
    assert seed.startswith("S" + letter)
    assert keys.public_key_of(seed).startswith(letter)
    assert keys.check_public_key(kind, keys.public_key_of(seed))
    assert len(seed) == 58


@pytest.mark.parametrize(
    "text",
    [
        "",
        "U",
        "not a key",
        "ÜÄ",
        KNOWN_SEED,
        KNOWN_PUBLIC[:-1],
        KNOWN_PUBLIC.replace("X", "Y", 1),
        KNOWN_PUBLIC.lower(),
    ],
)
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not"):
        keys.check_public_key("user", text)


@given(st.text())
def test_no_text_breaks_the_check(text: str) -> None:
    with pytest.raises(ValueError, match="not"):
        keys.check_public_key("user", text)


def test_the_key_of_an_account_is_not_taken_for_a_user() -> None:
    with pytest.raises(ValueError, match="user"):
        keys.check_public_key("user", keys.public_key_of(keys.generate_seed("account")))


def test_a_public_key_is_not_taken_for_a_seed() -> None:
    with pytest.raises(ValueError, match="seed"):
        keys.public_key_of(KNOWN_PUBLIC)


def test_credentials_do_not_show_their_seed() -> None:
    credentials = Credentials(jwt="j", seed=KNOWN_SEED)
    assert credentials.public_key == KNOWN_PUBLIC
    assert KNOWN_SEED not in repr(credentials)
    assert KNOWN_SEED not in str([credentials])
    assert KNOWN_SEED not in f"{credentials}"


def test_an_authority_opened_again_is_the_same(tmp_path: Path) -> None:
    first, second = BusAuthority.open(tmp_path / "a"), BusAuthority.open(tmp_path / "a")
    assert (first.account, first.system_account) == (second.account, second.system_account)
    assert first.account != first.system_account
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "a" / "authority.json").stat().st_mode & 0o777 == 0o600
    assert "SO" not in repr(first)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["authority.json"]


def test_those_who_open_it_together_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        accounts = list(pool.map(lambda _: BusAuthority.open(tmp_path / "a").account, range(16)))
    assert len(set(accounts)) == 1


def test_a_user_may_do_what_is_listed_and_nothing_else(tmp_path: Path) -> None:
    authority = BusAuthority.open(tmp_path / "a")
    claims = claims_of(authority.sign_user("h1", KNOWN_PUBLIC, ["a.b"], [], timedelta(minutes=5)))
    assert claims["sub"] == KNOWN_PUBLIC
    assert claims["iss"] == authority.account
    assert isinstance(claims["exp"], int)
    assert isinstance(claims["iat"], int)
    assert claims["exp"] - claims["iat"] == 300
    may = claims["nats"]
    assert isinstance(may, dict)
    assert may["pub"] == {"allow": ["a.b"]}
    assert may["sub"] == {"deny": [">"]}
    assert may["resp"] == {"max": 1, "ttl": 60_000_000_000}


def test_only_a_user_key_is_signed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not"):
        BusAuthority.open(tmp_path / "a").sign_user("x", "nonsense", [], [], None)


def test_the_time_of_the_account_never_goes_back(tmp_path: Path) -> None:
    authority = BusAuthority.open(tmp_path / "a")
    write_private(tmp_path / "a" / "revocations.json", b'{"issued_at": 9000000000, "users": {}}')
    config = authority.server_config("127.0.0.1", 4222, tmp_path)
    jwt = config.split(f"{authority.account}: ")[1].split(",")[0]
    assert claims_of(jwt)["iat"] == 9000000000


def test_the_servers_configuration_holds_no_seed(tmp_path: Path) -> None:
    authority = BusAuthority.open(tmp_path / "a")
    config = authority.server_config("::1", 4222, tmp_path / 'odd"name')
    seeds = msgspec.json.decode((tmp_path / "a" / "authority.json").read_bytes(), type=dict[str, str])
    assert len(seeds) == 3
    assert not any(seed in config for seed in seeds.values())
    assert 'listen: "[::1]:4222"' in config
    assert 'odd\\"name' in config
