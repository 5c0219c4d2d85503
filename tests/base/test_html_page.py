"""A page that stands for itself: what somebody wrote is text in it, and nothing is asked of anybody."""

import html.parser

from helpers.base import html_page


class Parts(html.parser.HTMLParser):
    """The tags of a page, in their order, and its text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        assert not {"src", "href"} & {name for name, _ in attributes}

    def handle_data(self, data):
        self.text.append(data)


def test_a_page_has_its_title_and_its_sections_and_no_script():
    page = html_page.page("<b>A & B", ("One <i>", "<p>1</p>"), ("Two", "<p>2</p>"))
    parts = Parts(page)
    assert parts.tags.count("h1") == 1 and parts.tags.count("h2") == 2 and "script" not in parts.tags
    assert "<b>A & B" in parts.text and "One <i>" in parts.text and page.startswith("<!DOCTYPE html>")


def test_a_table_scrolls_and_an_empty_one_is_a_sentence():
    wide = html_page.table(["a"], [["<script>"]])
    assert wide.startswith('<div class="wide">') and "&lt;script&gt;" in wide
    assert html_page.table(["a"], []) == "<p>Nothing yet.</p>"


def test_what_somebody_wrote_keeps_its_lines_and_is_not_carried_out():
    assert html_page.paragraphs("a\n<b>") == "<pre>a\n&lt;b&gt;</pre>"
