"""OCEL in XML: both versions, sections in any order, hostile documents."""

from __future__ import annotations

import gzip
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from ocel_frames import Content, content

from ingest.formats.base import Limits
from ingest.formats.ocel_xml import OcelXmlReader
from kernel.attributes import decode
from kernel.errors import UnreadableFile

TYPES = """
<object-types><object-type name="order"><attributes><attribute name="price" type="float"/></attributes></object-type>
</object-types>
<event-types><event-type name="pay"><attributes>
  <attribute name="paid" type="boolean"/><attribute name="at" type="time"/><attribute name="n" type="integer"/>
</attributes></event-type></event-types>"""
OBJECTS = """
<objects><object id="o1" type="order"><attributes>
  <attribute name="price" time="0">5</attribute><attribute name="price" time="2024-05-01T00:00:00Z">6</attribute>
</attributes><objects><object object-id="o2" qualifier="next"/><object object-id="o9" qualifier="x"/></objects></object>
<object id="o2" type="order"/></objects>"""
EVENTS = """
<events><event id="e1" type="pay" time="2024-05-01T12:00:00.5Z"><attributes>
  <attribute name="paid">1</attribute><attribute name="at">2024-05-01T12:00:00Z</attribute>
  <attribute name="n">7</attribute><attribute name="note">a &lt;b&gt; &#x1F600;</attribute>
</attributes><objects>
  <object object-id="o1" qualifier="of"/><relationship object-id="o2" relationship="also"/>
</objects></event></events>"""


def read(path: Path, document: str | bytes, limits: Limits | None = None) -> Content:
    file = path / "log.xmlocel"
    file.write_bytes(document.encode() if isinstance(document, str) else document)
    return content(OcelXmlReader(file, limits=limits))


@pytest.mark.parametrize("order", [(TYPES, OBJECTS, EVENTS), (EVENTS, OBJECTS, TYPES), (OBJECTS, TYPES, EVENTS)])
def test_sections_may_come_in_any_order(tmp_path: Path, order: tuple[str, ...]) -> None:
    found = read(tmp_path, f"<log>{''.join(order)}</log>")
    row = found.events.row(0, named=True)
    assert (row["source_event_id"], row["activity"], row["precision"]) == ("e1", "pay", "ms")
    assert decode(row["attributes"]) == {
        "paid": True,
        "at": {"$date": "2024-05-01T12:00:00Z"},
        "n": 7,
        "note": "a <b> \U0001f600",
    }
    assert [(each["id"], each["qualifier"]) for each in row["objects"]] == [("o1", "of"), ("o2", "also")]
    assert found.values["value"].to_list() == ["5.0", "6.0"]
    assert found.links.rows() == [("order", "o1", "order", "o2", "next")]
    assert [piece.position for piece in found.rejected] == ["object 1, relation to o9"]


def test_the_first_version_types_its_values(tmp_path: Path) -> None:
    document = """<log><events><event>
      <string key="id" value="e1"/><date key="timestamp" value="2024-05-01T12:00:00Z"/>
      <string key="activity" value="pay"/>
      <list key="omap"><string key="object-id" value="o1"/></list>
      <list key="vmap"><int key="n" value="7"/><float key="x" value="1"/><boolean key="b" value="false"/>
        <string key="s" value="5"/><date key="d" value="2024-05-01T12:00:00Z"/>
        <list key="l"><int key="a" value="1"/></list></list>
      </event></events><objects><object><string key="id" value="o1"/><string key="type" value="order"/>
      <list key="ovmap"><float key="price" value="2.5"/></list></object></objects></log>"""
    found = read(tmp_path, document)
    assert decode(found.events["attributes"][0]) == {
        "n": 7,
        "x": 1.0,
        "b": False,
        "s": "5",
        "d": {"$date": "2024-05-01T12:00:00Z"},
        "l": {"$list": [["a", 1]]},
    }
    assert found.events["objects"].to_list() == [[{"type": "order", "id": "o1", "qualifier": ""}]]
    assert found.values.select("attribute", "value").rows() == [("price", "2.5")]


def test_a_bad_event_is_rejected_with_its_xml(tmp_path: Path) -> None:
    found = read(tmp_path, '<log><objects/><events><event id="e1" type="a&quot;&lt;"/><event/></events></log>')
    assert found.reasons == ["the event has no time", "the event has no id"]
    assert found.rejected[0].raw == '<event id="e1" type=\'a"&lt;\'></event>'
    assert found.rejected[1].position == "event 2"


def test_a_time_zone_serves_stamps_without_one(tmp_path: Path) -> None:
    file = tmp_path / "log.xml"
    file.write_text('<log><events><event id="e" type="a" time="2024-05-01T12:00:00"/></events></log>')
    found = content(OcelXmlReader(file, timezone=ZoneInfo("Europe/Berlin")))
    assert str(found.events["occurred_at"][0]) == "2024-05-01 10:00:00+00:00"


BILLION_LAUGHS = "<!DOCTYPE log [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]><log>&b;</log>"
EXTERNAL = '<!DOCTYPE log SYSTEM "file:///etc/hostname"><log/>'


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (BILLION_LAUGHS, "document type"),
        (EXTERNAL, "document type"),
        ("", "no valid XML"),
        ("<log>&a;</log>", "no valid XML"),
        ("<log><events>", "no valid XML"),
        ("<log/>", "no <events>"),
        ('<log><trace><event id="1"/></trace></log>', "no <events>"),
        ("<html><body/></html>", "root is <html>"),
        ("<log><events>" + "<a>" * 40, "more than 32 deep"),
        ("<log><events/></log>\0", "no valid XML"),
        ("<?xml version='1.0' encoding='UT-8'?><log/>", "unknown encoding"),
        ("<?xml version='1.0' encoding='utf-7'?><log/>", "no valid XML"),
        (b"<log><events>\xff</events></log>", "no valid XML"),
        ("<log><events><event id='&#xD800;'/></events></log>", "no valid XML"),
    ],
)
def test_a_hostile_document_is_refused(tmp_path: Path, document: str | bytes, reason: str) -> None:
    with pytest.raises(UnreadableFile, match=reason):
        read(tmp_path, document)


@pytest.mark.parametrize(
    "inner",
    [
        "<event id='e'><attributes><attribute>" + "a" * 20_000 + "</attribute></attributes></event>",
        "<event id='" + "a" * 20_000 + "'/>",
        "<event>" + "<a/>" * 2_000 + "</event>",
    ],
)
def test_one_item_may_not_be_large(tmp_path: Path, inner: str) -> None:
    limits = Limits(max_field_bytes=10_000, max_item_bytes=100_000)
    with pytest.raises(UnreadableFile, match="past the size limit"):
        read(tmp_path, f"<log><events>{inner}</events></log>", limits)


def test_an_endless_comment_is_not_gathered(tmp_path: Path) -> None:
    document = "<log><!--" + "a" * 2_000_000
    with pytest.raises(UnreadableFile, match="one tag or comment"):
        read(tmp_path, document, Limits(max_field_bytes=10_000))


def test_a_gzip_bomb_is_refused(tmp_path: Path) -> None:
    bomb = gzip.compress(b"<log><events>" + b" " * 3_000_000)
    with pytest.raises(UnreadableFile, match="inflate"):
        read(tmp_path, bomb, Limits(max_ratio=10, ratio_free_bytes=1_000_000))
