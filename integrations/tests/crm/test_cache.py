"""What is remembered of Zoho: not for long, not too much, and never another's copy."""

from integrations.zoho.crm.cache import Cache


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_value_lives_an_hour():
    """From when it was read, not to the end of the clock's hour."""
    clock = Clock()
    cache = Cache(seconds=3600, clock=clock)
    cache.put(("org", "1"), {"a": 1}, cache.version)

    clock.now = 3599
    assert cache.get(("org", "1")) == {"a": 1}
    clock.now = 3600
    assert cache.get(("org", "1")) is None


def test_everybody_gets_a_copy():
    """What one caller changes, the next must not see."""
    cache, value = Cache(), {"tags": ["a"]}
    cache.put(("org", "1"), value, cache.version)

    value["tags"].append("b")
    cache.get(("org", "1"))["tags"].append("c")

    assert cache.get(("org", "1")) == {"tags": ["a"]}


def test_the_longest_unused_goes_first():
    """A hundred records are enough for a page and its people."""
    cache = Cache(most=2)
    for key in "ab":
        cache.put((key,), key, cache.version)
    cache.get(("a",))
    cache.put(("c",), "c", cache.version)

    assert [cache.get((key,)) for key in "abc"] == ["a", None, "c"]
    assert len(cache) == 2


def test_a_write_forgets_every_form_of_the_record_and_no_other():
    """Of one organisation, whichever fields were asked for."""
    cache = Cache()
    for key in (("org", "1"), ("org", "1", "Phone"), ("org", "2"), ("other", "1")):
        cache.put(key, key, cache.version)

    cache.forget("org", "1")

    assert cache.get(("org", "1")) is cache.get(("org", "1", "Phone")) is None
    assert cache.get(("org", "2"))
    assert cache.get(("other", "1"))


def test_what_was_asked_for_before_a_write_is_not_kept_after_it():
    """The slow reader would bring back the old value."""
    cache = Cache()
    asked_at = cache.version
    cache.forget("org", "1")

    cache.put(("org", "1"), "old", asked_at)

    assert cache.get(("org", "1")) is None
