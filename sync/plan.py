"""Decide before acting: compare two snapshots of the same records."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Plan:
    """Zoho ids by what will happen to them. `revive` ones are among `update`."""

    create: list[str] = field(default_factory=list)
    update: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    revive: list[str] = field(default_factory=list)

    @property
    def changed(self) -> list[str]:
        return self.create + self.update

    def without(self, keys: set[str]) -> "Plan":
        """This plan, less what could not be done."""
        return Plan(
            create=[key for key in self.create if key not in keys],
            update=[key for key in self.update if key not in keys],
            unchanged=self.unchanged,
            revive=[key for key in self.revive if key not in keys],
        )


def make_plan(
    remote: Mapping[str, Hashable],
    local: Mapping[str, Hashable],
    retired: frozenset[str] | set[str] = frozenset(),
) -> Plan:
    """Say what would make `local` equal `remote`, both keyed by Zoho id.

    `retired` are local ids that Zoho had stopped listing: seen again, they are updated whatever
    their fields say.
    """
    plan = Plan()
    for key, fields in remote.items():
        if key not in local:
            plan.create.append(key)
        elif key in retired:
            plan.update.append(key)
            plan.revive.append(key)
        elif fields != local[key]:
            plan.update.append(key)
        else:
            plan.unchanged.append(key)
    return plan
