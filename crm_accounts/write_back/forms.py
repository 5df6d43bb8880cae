"""Forms made of the organisation's own fields: one account, or the same for many."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django import forms
from django.forms.boundfield import BoundField

from crm_accounts.mapping import COLUMNS
from crm_accounts.write_back.kinds import Kind, Owner, Plain, YesOrNo

# As no field of Zoho's can be called.
REASON = "request-why"
WORKFLOWS = "request-workflows"
SHOWN = f"{WORKFLOWS}-shown"


class WorkflowsBox(forms.CheckboxInput):
    """A box that was never shown was not unchecked: the form may be older than the box."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> bool:
        return SHOWN not in data or bool(super().value_from_datadict(data, files, name))


def workflows_field() -> forms.BooleanField:
    return forms.BooleanField(
        label="Run Zoho's workflows for this change",
        required=False,
        initial=True,
        widget=WorkflowsBox(attrs={"class": "form-check-input"}),
        help_text="Workflows, approvals and blueprints in Zoho react as if it had been changed "
        "there. Unchecked, only the values change, and no cadence starts.",
    )


class RequestForm(forms.Form):
    """What every change request is asked, besides the changes."""

    def ask(self) -> None:
        """Add the questions, after the form's own fields."""
        self.fields[REASON] = reason_field()
        self.fields[WORKFLOWS] = workflows_field()

    def reason(self) -> BoundField:
        return self[REASON]

    def workflows(self) -> BoundField:
        return self[WORKFLOWS]

    def answers(self) -> dict[str, Any]:
        """As `make` takes them."""
        return {
            "reason": self.cleaned_data[REASON],
            "runs_workflows": self.cleaned_data[WORKFLOWS],
        }


def reason_field() -> forms.Field:
    return forms.CharField(
        label="Why",
        max_length=500,
        required=False,
        help_text="For who approves it, and for whoever wonders in a year.",
    )


class AccountForm(RequestForm):
    """The fields of `kinds`, beginning with the values `now`; says what Zoho would refuse. `again`
    are values that were wanted before."""

    def __init__(
        self,
        kinds: Mapping[str, Kind],
        now: Mapping[str, Plain],
        data: Any = None,
        again: Mapping[str, Plain] | None = None,
    ) -> None:
        begun = {**now, **(again or {})}
        initial = {name: kind.entered(begun.get(name)) for name, kind in kinds.items()}
        super().__init__(data, initial=initial)
        self.kinds = kinds
        for name, kind in kinds.items():
            self.fields[name] = kind.form_field(now.get(name))
        self.ask()
        for field in self.fields.values():
            dress(field)

    def full_clean(self) -> None:
        super().full_clean()
        for name in self.errors:
            self.fields[name].widget.attrs["class"] = f"{look_of(self.fields[name])} is-invalid"

    def after(self) -> dict[str, Plain]:
        """What was entered, as plain values."""
        return {
            name: kind.plain(self.cleaned_data[name])
            for name, kind in self.kinds.items()
            if name in self.cleaned_data
        }

    def groups(self) -> list[tuple[str, list[Any]]]:
        """The fields under headings, as on an account's page."""
        return [(title, [self[name] for name in names]) for title, names in grouped(self.kinds)]

    def wrong(self) -> list[BoundField]:
        return [bound for bound in self if bound.errors]


class ManyForm(AccountForm):
    """The same, each field with a box that says whether it is to be changed at all."""

    def __init__(self, kinds: Mapping[str, Kind], data: Any = None) -> None:
        # One name for many accounts is never meant; nor can many have one value that is unique.
        usable = {
            name: kind
            for name, kind in kinds.items()
            if name != "Account_Name" and not kind.field.is_unique
        }
        self.ticked = [name for name in usable if data is not None and data.get(f"change-{name}")]
        super().__init__(usable, {}, data)
        for name in usable:
            # What is not ticked is not looked at, whatever stands in it.
            if data is not None and name not in self.ticked:
                self.fields[name].disabled, self.fields[name].required = True, False

    def full_clean(self) -> None:
        super().full_clean()
        for field in self.fields.values():
            field.disabled = False

    def forgotten(self) -> list[str]:
        """The labels of fields in which something was entered, and which are not ticked."""
        return [
            kind.label
            for name, kind in self.kinds.items()
            # The others always say something.
            if name not in self.ticked and not isinstance(kind, YesOrNo | Owner) and self[name].data
        ]

    def after(self) -> dict[str, Plain]:
        return {name: value for name, value in super().after().items() if name in self.ticked}

    def groups(self) -> list[tuple[str, list[Any]]]:
        return [
            (title, [(self[name], name in self.ticked) for name in names])
            for title, names in grouped(self.kinds)
        ]


def grouped(names: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[str]]]:
    def belongs(name: str) -> str:
        if name not in COLUMNS:
            return "Your own fields"
        return "Addresses" if name.startswith(("Billing_", "Shipping_")) else "Account"

    for title in ("Account", "Addresses", "Your own fields"):
        if some := [name for name in names if belongs(name) == title]:
            yield title, some


class UploadForm(RequestForm):
    """A file that somebody changed."""

    file = forms.FileField(
        label="Your CSV file",
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
        error_messages={"required": "Choose the file that you changed."},
    )
    empty_clears = forms.BooleanField(
        label="An empty cell empties the field in Zoho",
        required=False,
        help_text="Otherwise an empty cell leaves its field alone.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ask()
        for name in ("file", REASON):
            dress(self.fields[name])


def dress(field: forms.Field) -> None:
    """In Bootstrap's clothes; a group of boxes wears none."""
    if not isinstance(field.widget, forms.CheckboxSelectMultiple | WorkflowsBox):
        field.widget.attrs["class"] = look_of(field)


def look_of(field: forms.Field) -> str:
    return "form-select" if isinstance(field.widget, forms.Select) else "form-control"
