"""Which products newly ran low: news that a sync brings.

A shop always has something low. To be told "something is low" would be true every day and help
nobody, so what is known to be low is remembered, and a notice tells of what came to it. There is
one such notice at a time: it is over when none of its products is low any longer, or when the next
one comes.

All of it is set-wise: a few statements after each run, be it about ten products or a million.
"""

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet, Value
from django.urls import reverse
from django.utils import timezone

from notices.kinds import Condition, Kind
from notices.models import LowProduct, Notice, Pulse
from products_and_services.models import Product
from sync.models import SyncRun
from sync.models.changes import as_text

# So many are named; for the others there is the list.
NAMED = 20
SUBJECT = Product._meta.label_lower
LIST = "admin:products_and_services_product_changelist"


def low() -> QuerySet[Product]:
    return Product.objects.filter(Product.low_stock())


def look() -> None:
    """Compare what is low with what is known to be; once after each run, and not before everything
    has been read for the first time."""
    ended = SyncRun.objects.filter(kind=SUBJECT, dry_run=False).exclude(finished_at=None).first()
    if ended is None or SyncRun.last_complete(SUBJECT, SyncRun.Mode.FULL) is None:
        return
    mark = f"at or below {settings.LOW_STOCK} after run {ended.pk}"
    if Pulse.objects.filter(pk=Pulse.LOW_STOCK, mark=mark).exists():
        return
    Pulse.objects.get_or_create(pk=Pulse.LOW_STOCK)
    with transaction.atomic():
        seen = Pulse.objects.select_for_update().get(pk=Pulse.LOW_STOCK)
        if seen.mark == mark:  # another check was first
            return
        first = not seen.mark.startswith(f"at or below {settings.LOW_STOCK} ")
        forget_what_recovered()
        tell_what_is_new(first=first)
        seen.mark, seen.at = mark, timezone.now()
        seen.save(update_fields=["mark", "at"])


def forget_what_recovered() -> None:
    still = low().filter(pk=OuterRef("pk"))
    LowProduct.objects.filter(~Exists(still)).delete()
    for notice in Notice.objects.filter(kind=Kind.LOW_STOCK, closed_at=None):
        if not LowProduct.objects.filter(notice=notice).exists():
            notice.close()


def tell_what_is_new(*, first: bool) -> None:
    """`first`: nothing was known yet, or another number counts as low now. All that is low is told
    once, as a number."""
    if first:
        LowProduct.objects.all().delete()
    known = LowProduct.objects.filter(pk=OuterRef("pk"))
    new = low().filter(~Exists(known))
    if not new.exists():
        return
    for former in Notice.objects.filter(kind=Kind.LOW_STOCK, closed_at=None):
        former.close()
    url = f"{reverse(LIST)}?stock=low"
    notice = Notice.open(Condition(Kind.LOW_STOCK, SUBJECT, "", url))
    assert notice is not None  # the lock on the pulse is ours
    count = remember(new, notice)
    notice.say(in_words(notice, count, url, first=first))


def remember(new: QuerySet[Product], notice: Notice) -> int:
    """INSERT … SELECT, for which the ORM has no words."""
    select, values = (
        new.order_by().annotate(of=Value(notice.pk)).values_list("pk", "of").query.sql_with_params()
    )
    quote = connection.ops.quote_name
    fields = (LowProduct._meta.get_field(name) for name in ("product", "notice"))
    columns = ", ".join(quote(str(field.column)) for field in fields)  # type: ignore[union-attr]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {quote(LowProduct._meta.db_table)} ({columns}) {select}", values
        )
        return int(cursor.rowcount)


def in_words(notice: Notice, count: int, url: str, *, first: bool) -> Condition:
    products = f"{count:,} product{'' if count == 1 else 's'}"
    level = f"at or below {settings.LOW_STOCK:,} in stock"
    if first:
        words = (
            f"{products} {'is' if count == 1 else 'are'} {level}. From now on you are told of "
            "those that newly run low."
        )
        return Condition(Kind.LOW_STOCK, SUBJECT, words, url)
    named = Product.objects.filter(
        pk__in=LowProduct.objects.filter(notice=notice).values("pk")
    ).order_by("name", "id")[:NAMED]
    lines = [f"{product.name[:80]}: {left(product)}" for product in named]
    if count > NAMED:
        lines.append(f"and {count - NAMED:,} more")
    return Condition(Kind.LOW_STOCK, SUBJECT, f"{products} newly {level}.", url, "\n".join(lines))


def left(product: Product) -> str:
    return f"{as_text(product.stock_quantity)} {product.unit}".strip()
