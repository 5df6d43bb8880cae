import pytest

from backoffice.redaction import mask, redact, remember_secret

TOKEN = "1000." + "0123456789abcdef" * 2 + "." + "fedcba9876543210" * 2  # pragma: allowlist secret


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Zoho-oauthtoken {TOKEN}",
        f'{{"access_token": "{TOKEN}", "expires_in": 3600}}',
        f"refresh_token={TOKEN}&grant_type=refresh_token",
        f"the code {TOKEN} was refused",
    ],
)
def test_tokens_are_masked_wherever_they_stand(text):
    """Logs are copied into tickets and chats."""
    assert TOKEN not in redact(text)
    assert "0123456789abcdef" not in redact(text)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("client_secret=1a2b3c4d5e6f", "1a2b3c4d5e6f"),  # pragma: allowlist secret
        ("{'client_secret': '1a2b3c4d5e6f'}", "1a2b3c4d5e6f"),  # pragma: allowlist secret
        ("postgresql://zoho:s3cr3tpass@db/zoho", "s3cr3tpass"),  # pragma: allowlist secret
        ("password: hunter2hunter2", "hunter2hunter2"),
    ],
)
def test_named_secrets_are_masked(text, secret):
    """A secret without a shape of its own is known by the name before it."""
    assert secret not in redact(text)


def test_a_secret_this_process_has_handled_is_masked_in_any_wording():
    """A client secret is plain hex: only its value gives it away."""
    remember_secret("77aa88bb99cc00dd")

    assert redact("it was 77aa88bb99cc00dd, I think") == "it was [secret], I think"


def test_ordinary_text_is_left_alone():
    """A log that masks too much helps nobody."""
    text = "Fetched 150 items in 1000.5 ms from items?page=2&per_page=200"

    assert redact(text) == text


@pytest.mark.parametrize(
    ("secret", "shown"), [("", ""), ("short", "••••"), ("1000.abcdefgh1234", "••••1234")]
)
def test_a_stored_secret_shows_at_most_its_last_four_characters(secret, shown):
    """Enough to tell two clients apart, too little to use."""
    assert mask(secret) == shown
