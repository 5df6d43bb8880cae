from sync.plan import Plan, make_plan


def test_what_is_only_there_is_created_and_what_differs_is_updated():
    """The plan says everything before anything is written."""
    plan = make_plan({"1": "new", "2": "b", "3": "c"}, {"2": "b", "3": "old"})

    assert plan == Plan(create=["1"], update=["3"], unchanged=["2"])
    assert plan.changed == ["1", "3"]


def test_equal_snapshots_plan_nothing():
    """A calm sync must write nothing."""
    snapshot = {str(number): (number, "x") for number in range(10)}

    assert make_plan(snapshot, snapshot).changed == []


def test_a_retired_record_seen_again_is_updated_although_its_fields_are_equal():
    """It has to lose its mark."""
    plan = make_plan({"1": "a"}, {"1": "a"}, retired={"1"})

    assert (plan.update, plan.revive, plan.unchanged) == (["1"], ["1"], [])


def test_what_is_missing_there_is_not_planned_away():
    """One page says nothing about the others."""
    assert make_plan({}, {"1": "a"}) == Plan()


def test_what_could_not_be_done_leaves_the_plan():
    """Counts must tell what happened, not what was meant."""
    plan = Plan(create=["1", "2"], update=["3"], unchanged=["4"], revive=["3"])

    assert plan.without({"2", "3"}) == Plan(create=["1"], unchanged=["4"])
