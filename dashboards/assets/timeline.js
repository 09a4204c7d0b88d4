/* Paints the timeline of a case from the words that the server sends (dashboards/pages/timeline.py states the shape).
   Every name is hostile: words reach the page only as text nodes and attribute values, never as markup. */
(function () {
  "use strict";

  const html = window.gembascope.element;

  function hidden(element) {
    element.setAttribute("aria-hidden", "true");
    return element;
  }

  /* A text that can be opened where it had to be cut, so that keyboard and touch reach all of it too. */
  function cut(short, whole, parent) {
    if (whole === null) return html("span", null, parent, short);
    const details = html("details", "cut", parent);
    html("summary", null, details, short);
    html("div", "whole", details, whole);
    return details;
  }

  function strip(drawn, parent) {
    const box = html("div", "strip-box", parent);
    const crowded = drawn.parts.length > 80; // borders between the parts would hide them
    const line = hidden(html("div", crowded ? "strip crowded" : "strip", box));
    for (const [left, width, late, said] of drawn.parts) {
      const part = html("span", late ? "late" : null, line);
      part.style.left = 100 * left + "%";
      part.style.width = 100 * width + "%";
      part.title = said;
    }
    const ends = html("div", "strip-ends", box);
    for (const said of drawn.ends) html("span", null, ends, said);
  }

  function waited(wait, item) {
    const box = html("div", "wait", item);
    if (wait.part === null) {
      html("span", "dim", box, wait.text);
      return;
    }
    hidden(html("span", wait.late ? "wait-bar late" : "wait-bar", box)).style.width = 55 * wait.part + "%";
    html(wait.late ? "strong" : "span", "number", box, wait.text);
    if (wait.limit !== null) html("span", "dim", box, wait.limit);
  }

  function attributes(more, event) {
    const details = html("details", "attributes", event);
    html("summary", null, details, more.label);
    const list = html("dl", "pairs", details);
    for (const [name, short, whole] of more.rows) {
      const row = html("div", null, list);
      html("dt", null, row, name);
      cut(short, whole, html("dd", null, row));
    }
  }

  function entry(one, list) {
    const item = html("li", one.late ? "late" : null, list);
    if (one.wait !== null) waited(one.wait, item);
    const event = html("div", "event", item);
    const line = html("div", "event-name", event);
    cut(one.name, one.whole, html("strong", null, line));
    for (const [text, kind, hint] of one.marks) {
      const mark = html("span", kind ? "mark " + kind : "mark", line, text);
      if (hint) mark.title = hint;
    }
    const where = html("div", "event-where", event);
    html("span", "number", where, one.when);
    html("span", null, where, one.where);
    if (one.more !== null) attributes(one.more, event);
  }

  function draw(data) {
    const place = document.getElementById("timeline");
    if (!place || !data) return "";
    place.replaceChildren();
    if (data.strip !== null) strip(data.strip, place);
    const list = html("ol", "timeline", place);
    list.start = data.first;
    for (const one of data.entries) entry(one, list);
    return "painted";
  }

  window.dash_clientside = Object.assign(window.dash_clientside || {}, { timeline: { draw: draw } });
})();
