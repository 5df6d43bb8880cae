"""The fields that can be changed from here, by Zoho's data types: what a person may enter, what is
stored of it, and what is sent.

Plain values are JSON that compares: None for empty, text, true and false, numbers as text with
all their digits, moments in UTC, lists in the pick list's order, look-ups as ids.

Sources of the limits: https://www.zoho.com/crm/developer/docs/api/v8/field-meta.html and the
organisation's own metadata.
"""

import datetime as dt
import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format

from backoffice.exact import digits
from crm_accounts.mapping import COLUMNS, NOTHING_CHOSEN
from crm_accounts.models import Account, CrmField, CrmUser

Plain = str | bool | list[str] | None

GONE = "{} is not one of the values that Zoho offers for {}."
# As in Zoho's own exports: a spreadsheet leaves it alone, and would round the bare number.
ID_PREFIX = "zcrm_"
ROUNDED = re.compile(r"-?\d([.,]\d+)?[eE]\+?\d+")
DIGITS, WHOLE = re.compile(r"-?\d+(\.\d+)?"), re.compile(r"-?\d+")
YES, NO = ("yes", "true", "1"), ("no", "false", "0")


def _text(raw: Any) -> str:
    return str(raw).replace("\r\n", "\n").strip() if raw is not None else ""


class Kind:
    """One field of accounts, as text: what all of them have in common."""

    def __init__(self, field: CrmField) -> None:
        self.field = field
        self.name = field.api_name
        self.label = field.label

    def known(self, holder: Any) -> Plain:
        """What an Account, or what was just read as AccountFields, holds of it."""
        column = COLUMNS.get(self.name)
        raw = getattr(holder, column) if column else holder.custom_fields.get(self.name)
        return self.plain(raw)

    def plain(self, raw: Any) -> Plain:
        """Of a mirrored value, or of one that the form field has cleaned."""
        return _text(raw) or None

    def sent(self, plain: Plain) -> Any:
        """As Zoho's API takes it."""
        return plain

    def shown(self, plain: Plain) -> str:
        """As a person reads it; "" for empty."""
        return "" if plain is None else str(plain)

    def entered(self, plain: Plain) -> Any:
        """As the form field begins with it."""
        return plain

    def form_field(self, now: Plain = None) -> forms.Field:
        """Checks what is entered in the place of `now`, which may stay whatever it is."""
        field = self._form_field(now)
        field.label = self.label
        field.required = self.field.is_mandatory
        field.error_messages["required"] = f"{self.label} must not be empty in Zoho."
        check = field.clean

        def clean(value: Any) -> Any:
            if isinstance(value, str):
                value = value.replace("\r\n", "\n")  # as browsers send what Zoho keeps as one
            return self.entered(now) if self._stays(value, now) else check(value)

        field.clean = clean  # type: ignore[method-assign]
        return field

    def check(self, entered: Any, now: Plain = None) -> Plain:
        """The plain value of what is entered in the place of `now`. Raises ValidationError."""
        try:
            return self.plain(self._checked.clean(entered))
        except ValidationError:
            if now is None:
                raise
            return self.plain(self.form_field(now).clean(entered))

    def read(self, text: str, now: Plain = None) -> Plain:
        """A cell of a file. Raises ValidationError."""
        if ROUNDED.fullmatch(text):
            raise ValidationError("A spreadsheet has rounded this number.")
        return self.check(self._as_entered(text), now)

    @cached_property
    def _checked(self) -> forms.Field:
        return self.form_field()

    def _form_field(self, now: Plain) -> forms.Field:
        longest = self.field.length or 255
        # A line that is edited would lose the breaks it has.
        lines = isinstance(now, str) and "\n" in now
        widget = forms.Textarea(attrs={"rows": 3}) if lines else forms.TextInput()
        return forms.CharField(max_length=longest, widget=widget)

    def _stays(self, value: Any, now: Plain) -> bool:
        return now is not None and _text(value) == _text(self.entered(now))

    def _as_entered(self, text: str) -> Any:
        return text


class LongText(Kind):
    def _form_field(self, now: Plain) -> forms.Field:
        longest = min(self.field.length or 2_000, 32_000)
        return forms.CharField(max_length=longest, widget=forms.Textarea(attrs={"rows": 4}))


class Website(Kind):
    def _form_field(self, now: Plain) -> forms.Field:
        field = super()._form_field(now)
        field.validators.append(
            RegexValidator(r"^\S+\.\S+$", "Write an address without spaces: www.example.com")
        )
        return field


class Email(Kind):
    def _form_field(self, now: Plain) -> forms.Field:
        return forms.EmailField(max_length=self.field.length or 100)


class PlainDecimal(forms.DecimalField):
    """Digits and a point: 1.5E+3 is what a spreadsheet makes of a number it has rounded."""

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and value.strip() and not DIGITS.fullmatch(value.strip()):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


class PlainInteger(forms.IntegerField):
    """Digits alone: Django would take 1.000, which is a thousand to some."""

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and value.strip() and not WHOLE.fullmatch(value.strip()):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


class Number(Kind):
    WHOLE_DIGITS = 16

    def plain(self, raw: Any) -> Plain:
        if raw in (None, ""):
            return None
        try:
            return digits(Decimal(str(raw)))
        except InvalidOperation:
            return str(raw)  # in Zoho it was no number once

    def sent(self, plain: Plain) -> Any:
        return None if plain is None else Decimal(str(plain))

    def _form_field(self, now: Plain) -> forms.Field:
        places = 9 if self.field.decimal_places is None else self.field.decimal_places
        return PlainDecimal(
            max_digits=self.WHOLE_DIGITS + places,
            decimal_places=places,
            widget=forms.TextInput(attrs={"inputmode": "decimal"}),
            error_messages={"invalid": "Write the number with digits and a point: 1234.5"},
        )


class Percent(Number):
    WHOLE_DIGITS = 5


class Integer(Number):
    def sent(self, plain: Plain) -> Any:
        return None if plain is None else int(str(plain))

    def _form_field(self, now: Plain) -> forms.Field:
        most = 10 ** min(self.field.length or 9, 9) - 1
        return PlainInteger(
            min_value=-most,
            max_value=most,
            widget=forms.TextInput(attrs={"inputmode": "numeric"}),
            error_messages={"invalid": "Write a whole number with digits alone: 1200"},
        )


class LongInteger(Kind):
    """Of up to 18 digits, which Zoho writes as text."""

    def _form_field(self, now: Plain) -> forms.Field:
        return forms.RegexField(
            r"^-?[0-9]{1,18}\Z",
            error_messages={"invalid": "Write up to 18 digits and nothing else."},
        )


class Choice(Kind):
    @cached_property
    def values(self) -> list[str]:
        return [value for value in self.field.pick_list if value != NOTHING_CHOSEN]

    def plain(self, raw: Any) -> Plain:
        return None if raw in (None, "", NOTHING_CHOSEN) else str(raw)

    def _form_field(self, now: Plain) -> forms.Field:
        old = [str(now)] if now is not None and now not in self.values else []
        return forms.ChoiceField(
            choices=[("", "– none –"), *((value, value) for value in [*old, *self.values])],
            error_messages={"invalid_choice": GONE.format("%(value)s", self.label)},
        )


class Choices(Choice):
    """Several of a pick list; what is sent replaces what was there."""

    def plain(self, raw: Any) -> Plain:
        chosen = {str(value) for value in raw or ()}
        known = [value for value in self.values if value in chosen]
        return [*known, *sorted(chosen - set(known))] or None

    def sent(self, plain: Plain) -> Any:
        return plain or []

    def shown(self, plain: Plain) -> str:
        return "; ".join(plain) if isinstance(plain, list) else ""

    def _form_field(self, now: Plain) -> forms.Field:
        old = [value for value in now or () if value not in self.values]  # type: ignore[union-attr]
        return forms.MultipleChoiceField(
            choices=[(value, value) for value in [*self.values, *old]],
            widget=forms.CheckboxSelectMultiple,
            error_messages={"invalid_choice": GONE.format("%(value)s", self.label)},
        )

    def _stays(self, value: Any, now: Plain) -> bool:
        return now is not None and self.plain(value) == now

    def _as_entered(self, text: str) -> Any:
        return [value.strip() for value in text.split(";") if value.strip()]


class YesOrNo(Kind):
    """Zoho knows no third state: what is empty is not ticked."""

    def plain(self, raw: Any) -> Plain:
        return raw is True or raw == "yes"

    def shown(self, plain: Plain) -> str:
        return "yes" if plain else "no"

    def entered(self, plain: Plain) -> Any:
        return self.shown(plain)

    def _form_field(self, now: Plain) -> forms.Field:
        return forms.ChoiceField(
            choices=[("yes", "yes"), ("no", "no")],
            error_messages={"invalid_choice": f"{self.label} is yes or no."},
        )

    def _as_entered(self, text: str) -> Any:
        word = text.strip().lower()
        return "yes" if word in YES else "no" if word in (*NO, "") else text


class Date(Kind):
    def _form_field(self, now: Plain) -> forms.Field:
        return forms.DateField(
            input_formats=["%Y-%m-%d"],
            widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            error_messages={"invalid": "Write the date as year, month, day: 2026-11-30"},
        )


class Moment(Kind):
    FORMATS = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M")

    def plain(self, raw: Any) -> Plain:
        moment = parse_datetime(raw) if isinstance(raw, str) else raw
        if moment is None:
            return None
        return str(moment.astimezone(dt.UTC).isoformat(timespec="seconds"))

    def shown(self, plain: Plain) -> str:
        return "" if plain is None else date_format(self.entered(plain), "Y-m-d H:i:s")

    def entered(self, plain: Plain) -> Any:
        moment = parse_datetime(plain) if isinstance(plain, str) else None
        return timezone.localtime(moment) if moment else None

    def _form_field(self, now: Plain) -> forms.Field:
        return forms.DateTimeField(
            input_formats=self.FORMATS,
            widget=forms.DateTimeInput(
                attrs={"type": "datetime-local", "step": "1"}, format=self.FORMATS[0]
            ),
            error_messages={"invalid": "Write the moment like this: 2026-11-30 14:05"},
        )

    def _stays(self, value: Any, now: Plain) -> bool:
        # As the form wrote it; the hour that comes twice a year could be read as the other one.
        entered = self.entered(now)
        return entered is not None and value in [f"{entered:{form}}" for form in self.FORMATS]


class Owner(Kind):
    """A user of Zoho CRM, by name."""

    @cached_property
    def users(self) -> dict[str, str]:
        return dict(CrmUser.objects.order_by("name").values_list("id", "name"))

    def sent(self, plain: Plain) -> Any:
        return None if plain is None else {"id": plain}

    def shown(self, plain: Plain) -> str:
        return self.users.get(str(plain), str(plain)) if plain else ""

    def _form_field(self, now: Plain) -> forms.Field:
        users = {**({str(now): str(now)} if now else {"": "– unknown –"}), **self.users}
        return forms.ChoiceField(
            choices=list(users.items()),
            error_messages={"invalid_choice": "%(value)s is no user of Zoho CRM that we know of."},
        )

    def _as_entered(self, text: str) -> Any:
        named = [key for key, name in self.users.items() if name == text.strip()]
        if len(named) > 1:
            raise ValidationError("Several users have this name: write the user's ID instead.")
        return named[0] if named else text


class Parent(Kind):
    """Another account, by its id; in a file with the mark that keeps its digits."""

    def shown(self, plain: Plain) -> str:
        named = Account.objects.filter(zoho_account_id=plain).first() if plain else None
        return f"{named} ({plain})" if named else str(plain or "")

    def sent(self, plain: Plain) -> Any:
        return None if plain is None else {"id": plain}

    def _form_field(self, now: Plain) -> forms.Field:
        return forms.CharField(
            max_length=30, validators=[_is_an_account], help_text="The parent's Zoho account ID."
        )

    def _as_entered(self, text: str) -> Any:
        return text.removeprefix(ID_PREFIX)


def _is_an_account(zoho_id: str) -> None:
    if not Account.objects.filter(zoho_account_id=zoho_id, retired_at=None).exists():
        raise ValidationError("No account here has this Zoho account ID.")


KINDS: dict[str, type[Kind]] = {
    "text": Kind,
    "phone": Kind,
    "website": Website,
    "email": Email,
    "textarea": LongText,
    "picklist": Choice,
    "multiselectpicklist": Choices,
    "integer": Integer,
    "bigint": LongInteger,
    "currency": Number,
    "double": Number,
    "percent": Percent,
    "boolean": YesOrNo,
    "date": Date,
    "datetime": Moment,
    "ownerlookup": Owner,
}


def editable() -> dict[str, Kind]:
    """The fields that can be changed from here, by API name: mirrored, and Zoho lets them be
    written. In the order of an account's page."""
    fields = CrmField.objects.filter(gone_at=None, is_mirrored=True, is_read_only=False)
    found = {field.api_name: kind for field in fields if (kind := kind_of(field))}
    order = list(COLUMNS)
    return dict(
        sorted(
            found.items(),
            key=lambda item: (
                order.index(item[0]) if item[0] in COLUMNS else len(order),
                item[1].label.lower(),
            ),
        )
    )


def kind_of(field: CrmField) -> Kind | None:
    """None for what is only read."""
    if field.api_name == "Parent_Account":
        return Parent(field)
    kind = KINDS.get(field.data_type)
    return kind(field) if kind else None


def all_kinds(names: Iterable[str]) -> dict[str, Kind]:
    """These fields, also where they can no longer be changed, so that they can be told."""
    names = list(names)
    known = CrmField.objects.in_bulk(names, field_name="api_name")
    fields = (known.get(name) or CrmField(api_name=name, label=name) for name in names)
    return {field.api_name: kind_of(field) or Kind(field) for field in fields}
