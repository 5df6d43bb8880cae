"""Products as a file."""

from import_export.fields import Field
from import_export.resources import Resource
from import_export.widgets import DateTimeWidget

from backoffice.export import Exact, PlainText
from products_and_services.models import Product


class ProductExport(Resource):
    """A row for each product, in the words and the order of its page."""

    zoho_item_id = Field("zoho_item_id", "Zoho item ID", PlainText())
    name = Field("name", "Name", PlainText())
    sku = Field("sku", "SKU", PlainText())
    price = Field("price", "Price", Exact())
    stock = Field("stock_quantity", "Stock", Exact())
    unit = Field("unit", "Unit", PlainText())
    zoho_type = Field("zoho_type", "Type in Zoho", PlainText())
    state = Field(column_name="In Zoho")
    product_type = Field("get_product_type_display", "Product type", PlainText())
    note = Field("note", "Note", PlainText())
    modified = Field("zoho_modified_at", "Changed in Zoho", DateTimeWidget())
    synced = Field("synced_at", "Last changed by a sync", DateTimeWidget())

    def dehydrate_state(self, product: Product) -> str:
        return product.state()
