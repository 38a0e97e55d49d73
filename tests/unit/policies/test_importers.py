"""Fact-checks in the forms in which publishers give them away."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from policies.errors import KnowledgeBaseError
from policies.importers.cleaning import clean, day
from policies.importers.files import Format, read_reviews
from policies.importers.found import Found, Reason, Skipped
from policies.importers.jsonld import reviews_in
from policies.importers.records import record_of
from policies.knowledge import ClaimRecord, Rating
from tests.claim_samples import SETTINGS, TODAY, claim_review, found_in


def imported(document: Any, **changes: Any) -> list[ClaimRecord]:
    settings = replace(SETTINGS, **changes)
    records = [record_of(found, settings) for found in found_in(reviews_in(document))]
    assert all(isinstance(record, ClaimRecord) for record in records), records
    return [record for record in records if isinstance(record, ClaimRecord)]


def left_out(document: Any) -> Skipped:
    (item,) = reviews_in(document)
    skipped = item if isinstance(item, Skipped) else record_of(item, SETTINGS)
    assert isinstance(skipped, Skipped)
    return skipped


@pytest.mark.parametrize(
    "wrap",
    [
        lambda review: review,
        lambda review: [review],
        lambda review: {"@context": "https://schema.org", "@graph": [{"@type": "WebPage"}, review]},
        lambda review: {"@type": "DataFeed", "dataFeedElement": [{"@type": "DataFeedItem", "item": [review]}]},
        lambda review: {"@type": "NewsArticle", "review": {"about": [[review]]}},
        lambda review: review | {"@type": ["Review", "http://schema.org/ClaimReview"]},
    ],
    ids=["single", "array", "graph", "data feed", "nested", "several types"],
)
def test_a_claim_review_is_found_in_every_wrapping(wrap: Any) -> None:
    (record,) = imported(wrap(claim_review()))
    assert record.claimReviewed == "The town hall is made of cheese."
    assert (record.rating, record.author.name, record.dated) == (Rating.FALSE, "Example Check", "2025-03-04")
    assert record.source is not None
    assert record.source.imported_on == TODAY
    assert record.paraphrases == record.corrections == ()


def test_googles_search_response_gives_a_record_per_review() -> None:
    reviews = [
        {
            "publisher": {"name": name, "site": f"{name.lower()}.example"},
            "url": f"https://{name.lower()}.example/1",
            "title": "No, it is brick",
            "reviewDate": "2025-03-04T00:00:00Z",
            "textualRating": rating,
            "languageCode": "en",
        }
        for name, rating in (("One", "Falso"), ("Two", "Mostly False"))
    ]
    claim = {"text": "The hall is cheese.", "claimant": "A blog", "claimDate": "2025-03-01T10:00:00Z"}
    one, two = imported({"claims": [claim | {"claimReview": reviews}], "nextPageToken": "x"})
    assert (one.rating, two.rating) == (Rating.FALSE, Rating.MOSTLY_FALSE)
    assert one.itemReviewed is not None
    assert one.itemReviewed.author is not None
    assert (one.itemReviewed.author.name, one.itemReviewed.datePublished) == ("A blog", date(2025, 3, 1))
    assert one.title == "No, it is brick"
    assert one.id != two.id


def test_a_list_of_claims_in_one_review_gives_a_record_each() -> None:
    assert [record.claimReviewed for record in imported(claim_review(["It is cheese.", "It is butter."]))] == [
        "It is cheese.",
        "It is butter.",
    ]


def test_media_reviews_are_counted_and_left_out() -> None:
    assert left_out({"@type": "MediaReview", "url": "https://example.org/"}).reason is Reason.MEDIA_REVIEW


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("&amp;quot;It&amp;#39;s&amp;quot; &lt;b&gt;cheese&lt;/b&gt;", '"It\'s" cheese'),
        ("Itâ€™s cheese", "It’s cheese"),
        ("CafÃ© cheese", "Café cheese"),
        (" two\n\n lines\t", "two lines"),
        ("a\u202eb\u0000c\u200bd", "abcd"),
        ("<script>alert(1)</script> x < y > z", "alert(1) x < y > z"),
    ],
)
def test_text_is_made_plain(raw: str, expected: str) -> None:
    assert clean(raw) == expected
    assert clean(expected) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("2025-03-04", date(2025, 3, 4)),
        ("2025-03-04T23:30:00+02:00", date(2025, 3, 4)),
        ("2025-3-4", date(2025, 3, 4)),
        ("Mar 4, 2025", date(2025, 3, 4)),
        ("Tuesday, March 4th, 2025 at 10:00", date(2025, 3, 4)),
        ("4 March 2025", date(2025, 3, 4)),
        ("Tue, 04 Mar 2025 10:00:00 GMT", date(2025, 3, 4)),
        ("25/03/2025", date(2025, 3, 25)),
        ("03/25/2025", date(2025, 3, 25)),
        (1741046400, date(2025, 3, 4)),
        (1741046400000, date(2025, 3, 4)),
        ("03/04/2025", None),  # March or April
        ("0001-01-01T00:00:00Z", None),
        ("2999-01-01", None),
        ("2025-13-45", None),
        ("yesterday", None),
        ("", None),
        (True, None),
        (float("nan"), None),
        ({"a": 1}, None),
    ],
)
def test_dates_are_read_in_the_forms_that_occur(raw: Any, expected: date | None) -> None:
    assert day(raw, today=TODAY) == expected


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"claimReviewed": None}, Reason.NO_CLAIM),
        ({"claimReviewed": "😀 !!"}, Reason.NO_CLAIM),
        ({"claimReviewed": "word " * 1000}, Reason.TOO_LONG),
        ({"claimReviewed": "The hall is ch\ufffdese."}, Reason.DAMAGED_TEXT),
        ({"claimReviewed": "Ратуша сделана из сыра."}, Reason.OTHER_LANGUAGE),
        ({"inLanguage": "de-DE"}, Reason.OTHER_LANGUAGE),
        ({"url": None}, Reason.NO_ADDRESS),
        ({"url": "javascript:alert(1)"}, Reason.UNSAFE_ADDRESS),
        ({"url": "https://snopes.com@evil.example/"}, Reason.UNSAFE_ADDRESS),
        ({"url": "/relative"}, Reason.UNSAFE_ADDRESS),
        ({"url": "https://example.org/a b"}, Reason.UNSAFE_ADDRESS),
        ({"url": "https://localhost/"}, Reason.UNSAFE_ADDRESS),
        ({"url": "https://example.org:99999/"}, Reason.UNSAFE_ADDRESS),
        ({"reviewRating": None}, Reason.NO_RATING),
        ({"reviewRating": {"ratingValue": float("nan")}}, Reason.NO_RATING),
        ({"assay:harm": "enormous"}, Reason.WRONG_VALUE),
        ({"assay:id": "../../etc"}, Reason.WRONG_VALUE),
        ({"assay:valid_until": "soon"}, Reason.WRONG_VALUE),
    ],
)
def test_what_cannot_be_used_is_left_out_with_its_reason(changes: dict[str, Any], reason: Reason) -> None:
    assert left_out(claim_review() | changes).reason is reason


def test_a_review_with_the_least_that_is_needed_is_kept() -> None:
    (record,) = imported(
        {
            "@type": "ClaimReview",
            "claimReviewed": "It is cheese.",
            "reviewRating": {"ratingValue": "1"},
            "url": "http://check.example.org/1",
        }
    )
    assert record.author.name == "check.example.org"
    assert record.rating is Rating.FALSE
    assert record.reviewRating.alternateName == "1 from 1 (worst) to 5 (best)"
    assert record.dated == TODAY.isoformat()


def test_a_rating_in_unknown_words_is_kept_as_unknown() -> None:
    (record,) = imported(claim_review(reviewRating={"alternateName": "Three lemons"}))
    assert record.rating is Rating.UNKNOWN
    assert not record.is_false
    assert not record.is_true


def test_only_false_claims_about_health_and_elections_are_taken_for_harmful() -> None:
    (cure,) = imported(claim_review("Garlic cures cancer."))
    (vote,) = imported(claim_review("The ballots were burnt."))
    (hall,) = imported(claim_review("The moon is hollow."))
    (true,) = imported(claim_review("Smoking causes cancer.", reviewRating={"alternateName": "True"}))
    assert [(record.topic, record.harm) for record in (cure, vote, hall, true)] == [
        ("health", "high"),
        ("elections", "high"),
        ("science", "low"),
        ("health", "low"),
    ]


def test_the_operator_overrules_topic_and_harm() -> None:
    (record,) = imported(claim_review("Garlic cures cancer."), topic="society", harm="low")
    assert (record.topic, record.harm) == ("society", "low")


def test_the_same_review_has_the_same_id_in_every_import() -> None:
    (one,) = imported(claim_review())
    (two,) = imported(claim_review("The town hall is made of CHEESE"), source="another.json")
    (other,) = imported(claim_review(url="https://check.example.org/other"))
    assert one.id == two.id != other.id


def written(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def claims_of(path: Path, **options: Any) -> list[Any]:
    return [item.claim for item in found_in(read_reviews(path, **options))]


def test_json_ld_is_found_in_a_page(tmp_path: Path) -> None:
    page = (
        "<html><head><script>var a = '<script type=\"application/ld+json\">';</script>\n"
        f"<!-- <script type='application/ld+json'>{json.dumps(claim_review('Hidden.'))}</script> -->\n"
        f"<SCRIPT data-x=1 TYPE='application/ld+json'>{json.dumps(claim_review('Seen.'))}</SCRIPT>\n"
        '<script type="application/ld+json">{broken</script>'
    )
    items = list(read_reviews(written(tmp_path, "page.html", page)))
    assert [item.claim for item in items if isinstance(item, Found)] == ["Seen."]
    assert [(item.reason, item.place) for item in items if isinstance(item, Skipped)] == [
        (Reason.MALFORMED, "script on line 4")
    ]


def test_a_page_in_its_declared_encoding_is_read(tmp_path: Path) -> None:
    script = json.dumps(claim_review("Käse"), ensure_ascii=False)
    page = f'<meta charset="iso-8859-1"><script type="application/ld+json">{script}</script>'
    assert claims_of(written(tmp_path, "page.htm", page.encode("latin-1"))) == ["Käse"]


def test_a_broken_line_of_ndjson_leaves_the_others(tmp_path: Path) -> None:
    lines = [
        json.dumps(claim_review("One.")),
        "{broken",
        "",
        json.dumps([claim_review("Two."), claim_review("Three.")]),
    ]
    items = list(read_reviews(written(tmp_path, "feed.ndjson", "\r\n".join(lines))))
    assert [item.claim for item in items if isinstance(item, Found)] == ["One.", "Two.", "Three."]
    assert [(item.reason, item.place) for item in items if isinstance(item, Skipped)] == [(Reason.MALFORMED, "line 2")]


@pytest.mark.parametrize(
    ("codec", "mark"),
    [("utf-8", b"\xef\xbb\xbf"), ("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff"), ("utf-8", b"")],
)
def test_json_is_read_in_every_unicode_encoding(tmp_path: Path, codec: str, mark: bytes) -> None:
    content = mark + json.dumps(claim_review("Käse"), ensure_ascii=False).encode(codec)
    assert claims_of(written(tmp_path, "feed.json", content)) == ["Käse"]


def test_another_encoding_is_an_error_until_it_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "feed.json", json.dumps(claim_review("Käse"), ensure_ascii=False).encode("cp1252"))
    with pytest.raises(KnowledgeBaseError, match="--encoding"):
        claims_of(path)
    assert claims_of(path, encoding="cp1252") == ["Käse"]


TABLE = (
    "\ufeffClaim Reviewed;Textual rating;URL;publisher;paraphrases;harm;Notes\r\n"
    '"The hall; ""our"" hall\r\nis cheese.";False;https://example.org/1;Example;It is Brie.|It is Gouda.;high;x\r\n'
    "too;few\r\n"
    ";;;;;;\r\n"
    "It is butter.;True;https://example.org/2;;;;\r\n"
)


def test_a_table_is_read_with_its_quotes_and_line_breaks(tmp_path: Path) -> None:
    items = list(read_reviews(written(tmp_path, "claims.csv", TABLE)))
    one, short, two = items
    assert isinstance(one, Found)
    assert isinstance(two, Found)
    assert isinstance(short, Skipped)
    assert (short.reason, short.place) == (Reason.MALFORMED, "row 3")
    record = record_of(one, SETTINGS)
    assert isinstance(record, ClaimRecord)
    assert record.claimReviewed == 'The hall; "our" hall is cheese.'
    assert (record.harm, record.paraphrases) == ("high", ("It is Brie.", "It is Gouda."))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_header_tells_the_delimiter(tmp_path: Path, delimiter: str) -> None:
    rows = [["claim", "verdict", "link"], ["It is cheese", "False", "https://example.org/"]]
    path = written(tmp_path, "claims.tsv", "\n".join(delimiter.join(row) for row in rows))
    assert claims_of(path) == ["It is cheese"]


@pytest.mark.parametrize(
    ("header", "message"),
    [("claim,rating", "lacks url"), ("", "lacks claim, rating, url"), ("claim,text,rating,url", "two columns")],
)
def test_a_table_with_an_unusable_header_is_an_error(tmp_path: Path, header: str, message: str) -> None:
    with pytest.raises(KnowledgeBaseError, match=message):
        claims_of(written(tmp_path, "claims.csv", header + "\na,b,c\n"))


def test_a_file_without_a_telling_name_needs_its_format(tmp_path: Path) -> None:
    path = written(tmp_path, "feed.txt", json.dumps(claim_review("It is cheese.")))
    with pytest.raises(KnowledgeBaseError, match="--format"):
        claims_of(path)
    assert claims_of(path, form=Format.JSON) == ["It is cheese."]
