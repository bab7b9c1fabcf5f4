"""The rows of a model from the Django admin: log in, walk the change list, read each row's form.

Works on any admin with the standard templates. The arguments name the site and the model:

    crawl run django_admin -a site=https://intranet.example -a model=library/book
"""

from urllib.parse import urlsplit

from crawler import Spider


class DjangoAdmin(Spider):
    name = "django_admin"
    site = "http://127.0.0.1:8000"
    model = "library/book"  # application and model, as in the address of its change list

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.start_urls = [f"{self.site}/admin/{self.model}/?p=1"]
        self.probe_url = f"{self.site}/admin/password_change/"  # a small page for staff only

    def login(self, session):
        with session.step("login form"):
            page = session.get(f"{self.site}/admin/login/?next=/admin/")
            session.submit(page.form(), {"username": session.account.username, "password": session.account.password})

    def parse(self, response):
        """A page of the change list: follow the form of each row, and the other pages."""
        for link in response.css("#result_list th a::attr(href)").getall():
            yield response.follow(link.partition("?")[0], self.parse_form)  # without the link back to this page
        yield from response.follow_all(css=".paginator a[href^='?p=']")

    def parse_form(self, response):
        """The form of one row: its fields by name, with their values."""
        item = {"id": int(urlsplit(response.url).path.split("/")[-3])}
        form = response.css(f"form#{self.model.partition('/')[2]}_form")
        for field in form.css("fieldset :is(input, select, textarea)[name]"):
            item[field.attrib["name"]] = self.value(field)
        yield item

    def value(self, field):
        """The value of a field: a bool for a checkbox, a number for a number field, a string otherwise."""
        if field.root.tag == "select":
            return field.css("option[selected]::attr(value)").get("")
        if field.root.tag == "textarea":
            text = field.xpath("string()").get("").removeprefix("\n")  # added by the template
            return text.replace("\n", "\r\n")  # as a browser sends it, and as Django stores it
        if field.attrib.get("type") == "checkbox":
            return "checked" in field.attrib
        value = field.attrib.get("value", "")
        whole = field.attrib.get("type") == "number" and field.attrib.get("step", "1") == "1"
        return int(value) if whole and value else value
