/* Paints the list of variants from the words that the server sends (dashboards/pages/variants.py states the shape).
   Every name is hostile: words reach the page only as text nodes and attribute values, never as markup. */
(function () {
  "use strict";

  const html = window.gembascope.element;

  function chevrons(steps, parent) {
    const list = html("ol", "chevrons", parent);
    for (const [name, whole, times, unusual] of steps) {
      const step = html("li", unusual ? "chevron unusual" : "chevron", list);
      const label = html("span", null, step, name);
      if (whole !== null) label.title = whole;
      if (times) html("strong", null, step, " " + times);
      if (unusual) html("span", "unseen", step, " (not in the commonest variant)");
    }
  }

  function link(said, address, rank, parent) {
    const made = html("a", "go", parent, said);
    made.href = address;
    made.setAttribute("aria-label", said + ": variant " + rank);
  }

  function entry(one, list) {
    const item = html("li", "card variant", list);
    html("span", "rank", item, String(one.rank));
    const facts = html("div", "variant-facts", item);
    const share = html("span", "variant-share", facts);
    html("strong", null, share, one.share);
    share.appendChild(document.createTextNode(" · " + one.cases));
    const bar = html("span", "bar", facts);
    bar.setAttribute("aria-hidden", "true");
    html("span", null, bar).style.width = 100 * one.part + "%";
    const median = html("span", null, facts);
    html("strong", null, median, one.median);
    median.appendChild(document.createTextNode(" median duration"));
    html("span", "dim", facts, one.started);
    const path = html("div", "variant-path", item);
    chevrons(one.path.steps, path);
    if (one.path.more !== null) {
      const more = html("details", null, path);
      html("summary", null, more, one.path.more);
      chevrons(one.path.rest, more);
    }
    const links = html("p", "variant-links", path);
    link("Show on the map", one.map, one.rank, links);
    link("Open its cases", one.list, one.rank, links);
  }

  function draw(data) {
    const place = document.getElementById("variant-list");
    if (!place || !data) return "variants";
    place.replaceChildren();
    for (const one of data) entry(one, place);
    return "variants painted";
  }

  window.dash_clientside = Object.assign(window.dash_clientside || {}, { variants: { draw: draw } });
})();
