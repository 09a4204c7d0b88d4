/* Renderer of the process map. The server sends positions, routes and all words (dashboards/process_map/drawing.py
   states the shape); this file only paints them and answers to pointer, touch and keyboard.

   window.gembascope.drawMap(element, map, {mode, step, selected})
     mode      "frequency" (default) or "time": which text the lines carry
     step      index into map.steps; map.default_step when absent
     selected  {source, target} or {activity} as in the events below, or null
   Returns the index of the drawn step. May be called again on the same element with other options.

   Events on the element (they bubble): "map-edge" with detail {source, target}, where null stands for the start
   or the end of a case; "map-activity" with detail {activity}.

   Every name is hostile: words reach the page only as text nodes and attribute values, never as markup. */
(function () {
  "use strict";

  const html = window.gembascope.element;

  const SVG = "http://www.w3.org/2000/svg";
  const MARGIN = 16;
  const READABLE_PX = 11;
  const MOST_SCALE = 3;
  const states = new WeakMap();

  function svg(name, attributes, parent) {
    const made = document.createElementNS(SVG, name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    if (parent) parent.appendChild(made);
    return made;
  }

  function drawMap(element, map, options) {
    const wanted = options || {};
    const mode = wanted.mode === "time" ? "time" : "frequency";
    const index = Number.isInteger(wanted.step) && map.steps[wanted.step] ? wanted.step : map.default_step;
    const step = map.steps[index];
    const before = states.get(element);
    if (before) before.stop();
    const focused = element.contains(document.activeElement) ? document.activeElement.getAttribute("data-id") : null;
    element.replaceChildren();
    element.classList.add("process-map");
    element.classList.remove("gliding");
    const view = html("div", "process-map-view", element);
    words(element, map, step, mode);
    if (!step.drawing || step.drawing.nodes.length === 0) {
      states.delete(element);
      html("p", "process-map-empty", view, step.drawing
        ? "There is nothing to draw: no case matches. Widen the period or remove a filter."
        : "This level of detail is not drawn yet.");
      return index;
    }
    const canvas = new Canvas(element, view, step.drawing, mode, wanted.selected || null, before);
    states.set(element, canvas);
    if (focused) canvas.focusOn(focused);
    return index;
  }

  function words(element, map, step, mode) {
    const box = html("div", "process-map-words", element);
    for (const notice of map.notices) html("p", "notice", box, notice);
    const said = html("p", "coverage", box, step.sentence);
    said.setAttribute("role", "status");
    const legend = html("ul", "process-map-legend", box);
    function entry(text, className, width, last) {
      const item = html("li", null, legend);
      if (className) {
        const sample = svg("svg", { class: "edge " + className, viewBox: "0 0 26 8", "aria-hidden": "true" }, item);
        if (last) svg("path", { class: "head", d: "M0 3.2L26 0V8L0 4.8Z" }, sample);
        else svg("path", { class: "line", d: "M0 4H26", "stroke-width": width }, sample);
      }
      item.appendChild(document.createTextNode(text));
    }
    if (map.legend.bands) {
      entry(map.legend.time + ":");
      map.legend.bands.forEach((text, band) => entry(text, "band-" + band, 5));
    }
    entry(map.legend.width, "wedge", 5, true);
    entry(map.legend.numbers[mode]);
    if (map.legend.badge) {
      const item = html("li", null, legend);
      html("span", "process-map-rank", item, "1").setAttribute("aria-hidden", "true");
      item.appendChild(document.createTextNode(map.legend.badge));
    }
    if (map.legend.dashed) entry(map.legend.dashed, "partly", 3);
  }

  class Canvas {
    constructor(element, view, drawing, mode, selected, before) {
      this.element = element;
      this.view = view;
      this.drawing = drawing;
      this.mode = mode;
      this.parts = new Map();
      this.nodes = new Map(drawing.nodes.map((node) => [node.id, node]));
      this.main = new Set(drawing.main);
      const connections = drawing.edges.filter((edge) => edge.source !== null && edge.target !== null).length;
      const activities = drawing.nodes.filter((node) => node.kind === "activity").length;
      this.svg = svg("svg", {
        class: "process-map-svg", role: "group",
        "aria-label": "Process map: " + activities + " activities, " + connections + " connections. "
          + "Tab moves between them, Enter selects, plus and minus zoom, arrow keys pan, 0 fits the map.",
      }, view);
      this.root = svg("g", {}, this.svg);
      for (const edge of drawing.edges) this.drawEdge(edge);
      for (const node of drawing.nodes) this.drawNode(node);
      for (const edge of drawing.edges) this.drawLabel(edge);
      this.tip = html("div", "process-map-tip", view);
      this.tip.hidden = true;
      this.tip.setAttribute("aria-hidden", "true");
      this.buttons();
      this.listen();
      this.place(before);
      this.glide(before);
      if (selected) this.select(selected);
      this.observer = new ResizeObserver(() => this.resized());
      this.observer.observe(view);
    }

    stop() {
      this.observer.disconnect();
    }

    /* ---- painting ---- */

    drawEdge(edge) {
      const classes = ["edge", edge.dash];
      if (edge.band !== null) classes.push("band-" + edge.band);
      if (edge.rank !== null) classes.push("ranked");
      const group = svg("g", {
        class: classes.join(" "), tabindex: "0", role: "button", "aria-label": edge.sentence, "data-id": edge.id,
      }, this.root);
      if (edge.rank !== null) svg("path", { class: "halo", d: edge.path, "stroke-width": edge.width + 14 }, group);
      svg("path", { class: "reach", d: edge.path }, group);
      svg("path", { class: "line", d: edge.path, "stroke-width": edge.width }, group);
      if (edge.head) svg("polygon", { class: "head", points: edge.head }, group);
      this.parts.set(edge.id, { group: group, edge: edge });
      this.answer(group, edge, () => this.tell("map-edge", { source: edge.source, target: edge.target }));
    }

    /* Labels are painted last, above all lines, but belong to the group of their line for the eye and the pointer. */
    drawLabel(edge) {
      const text = edge.text[this.mode];
      if (!edge.label || (!text && edge.rank === null)) return;
      const size = this.drawing.text_size;
      const group = svg("g", {
        class: "edge-label" + (edge.rank !== null ? " ranked" : ""), "aria-hidden": "true", "pointer-events": "none",
        transform: "translate(" + edge.label.x + "," + edge.label.y + ")",
      }, this.root);
      const shift = edge.rank !== null ? 11 : 0;
      const room = edge.label.width - 2 * shift;
      if (text) svg("rect", { class: "ground", x: -shift - room / 2, y: -8.5, width: room, height: 17, rx: 5 }, group);
      svg("text", { class: "label", x: -shift, "font-size": size }, group).textContent = text;
      if (edge.rank !== null) {
        const right = edge.label.width / 2 - 10;
        svg("circle", { class: "badge", cx: right, cy: 0, r: 10 }, group);
        svg("text", { class: "badge-text", x: right, y: 0.5, "font-size": size - 2 }, group).textContent = edge.rank;
      }
      this.parts.get(edge.id).label = group;
    }

    drawNode(node) {
      const activity = node.kind === "activity";
      const classes = "node " + node.kind + (this.main.has(node.id) ? " main" : "");
      const attributes = { class: classes, "data-id": node.id };
      if (activity) Object.assign(attributes, { tabindex: "0", role: "button", "aria-label": node.sentence });
      else Object.assign(attributes, { role: "img", "aria-label": node.sentence });
      const group = svg("g", attributes, this.root);
      group.style.transform = "translate(" + node.x + "px," + node.y + "px)";
      this.parts.set(node.id, { group: group, node: node });
      const size = this.drawing.text_size;
      if (!activity) {
        svg("circle", { r: node.width / 2 - 1 }, group);
        if (node.kind === "start") svg("path", { class: "sign", d: "M-4.5 -7L7 0L-4.5 7Z" }, group);
        else svg("rect", { class: "sign", x: -5, y: -5, width: 10, height: 10 }, group);
        return;
      }
      const left = -node.width / 2;
      svg("rect", { x: left, y: -node.height / 2, width: node.width, height: node.height, rx: 8 }, group);
      node.lines.forEach((line, at) => {
        const y = (at - (node.lines.length - 1) / 2) * (size + 2);
        svg("text", { class: "name", x: left + 11, y: y, "font-size": size }, group).textContent = line;
      });
      const counted = { class: "count", x: -left - 10, y: 0, "font-size": size };
      svg("text", counted, group).textContent = node.count_text;
      this.answer(group, node, () => this.tell("map-activity", { activity: node.activity }));
      group.addEventListener("pointerenter", () => this.point(node.id));
      group.addEventListener("pointerleave", () => this.point(null));
    }

    glide(before) {
      if (!before || window.matchMedia("(prefers-reduced-motion: reduce)").matches) return;
      const moved = [];
      for (const node of this.drawing.nodes) {
        const old = before.nodes.get(node.id);
        if (!old || (old.x === node.x && old.y === node.y)) continue;
        const group = this.parts.get(node.id).group;
        group.style.transform = "translate(" + old.x + "px," + old.y + "px)";
        moved.push([group, "translate(" + node.x + "px," + node.y + "px)"]);
      }
      if (!moved.length) return;
      this.root.getBoundingClientRect(); // settles the old places, so that the new ones are a transition
      this.element.classList.add("gliding");
      for (const [group, transform] of moved) group.style.transform = transform;
      window.setTimeout(() => this.element.classList.remove("gliding"), 400);
    }

    /* ---- answering ---- */

    tell(name, detail) {
      this.element.dispatchEvent(new CustomEvent(name, { bubbles: true, detail: detail }));
    }

    answer(group, item, choose) {
      group.addEventListener("click", () => { if (!this.dragged) choose(); });
      group.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        choose();
      });
      group.addEventListener("pointermove", (event) => {
        if (event.pointerType !== "touch" && !event.buttons) this.showTip(item, event.clientX, event.clientY);
      });
      group.addEventListener("pointerleave", () => { this.tip.hidden = true; });
      group.addEventListener("focus", () => {
        if (!group.matches(":focus-visible")) return;
        this.reveal(item);
        const box = this.view.getBoundingClientRect();
        const at = this.middle(item);
        this.showTip(item, box.left + at.x * this.scale + this.x, box.top + at.y * this.scale + this.y + 12);
      });
      group.addEventListener("blur", () => { this.tip.hidden = true; });
    }

    showTip(item, clientX, clientY) {
      const tip = this.tip;
      tip.replaceChildren();
      html("strong", null, tip, item.title);
      for (const [name, value] of item.facts) {
        const row = html("div", null, tip);
        html("span", null, row, name);
        html("span", null, row, value);
      }
      tip.hidden = false;
      const box = this.view.getBoundingClientRect();
      const x = clientX - box.left + 14;
      const y = clientY - box.top + 14;
      tip.style.left = Math.max(4, Math.min(x, box.width - tip.offsetWidth - 4)) + "px";
      tip.style.top = Math.max(4, y + tip.offsetHeight > box.height ? y - tip.offsetHeight - 28 : y) + "px";
    }

    point(id) {
      this.svg.classList.toggle("pointed", id !== null);
      const near = new Set([id]);
      for (const edge of this.drawing.edges) {
        if (edge.from !== id && edge.to !== id) continue;
        near.add(edge.id).add(edge.from).add(edge.to);
      }
      for (const [key, part] of this.parts) part.group.classList.toggle("near", near.has(key));
    }

    select(selected) {
      for (const part of this.parts.values()) {
        const item = part.edge || part.node;
        const chosen = part.edge
          ? "source" in selected && item.source === selected.source && item.target === selected.target
          : "activity" in selected && item.kind === "activity" && item.activity === selected.activity;
        part.group.classList.toggle("selected", chosen);
        if (chosen) {
          part.group.setAttribute("aria-current", "true");
          this.reveal(item);
        }
      }
    }

    focusOn(id) {
      const part = this.parts.get(id);
      if (part) part.group.focus({ preventScroll: true });
    }

    /* ---- view ---- */

    middle(item) {
      if ("x" in item) return item;
      if (item.label) return item.label;
      const from = this.nodes.get(item.from);
      const to = this.nodes.get(item.to);
      return { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
    }

    place(before) {
      this.size = this.view.clientWidth + "x" + this.view.clientHeight;
      const kept = before && before.touched;
      if (kept && before.drawing === this.drawing) [this.x, this.y, this.scale] = [before.x, before.y, before.scale];
      else if (kept) this.keepMain(before);
      else this.open();
      this.touched = Boolean(kept);
      this.apply();
    }

    /* After a zoom by the reader, another step keeps the scale and the place of the first activity on screen. */
    keepMain(before) {
      this.scale = before.scale;
      const id = this.drawing.main.find((key) => this.nodes.has(key) && before.nodes.has(key));
      if (id === undefined) return this.open();
      this.x = before.x + (before.nodes.get(id).x - this.nodes.get(id).x) * this.scale;
      this.y = before.y + (before.nodes.get(id).y - this.nodes.get(id).y) * this.scale;
    }

    fitScale() {
      const wide = (this.view.clientWidth - 2 * MARGIN) / this.drawing.width;
      const high = (this.view.clientHeight - 2 * MARGIN) / this.drawing.height;
      return Math.max(0.02, Math.min(1.15, wide, high));
    }

    fit() {
      this.scale = this.fitScale();
      this.x = (this.view.clientWidth - this.drawing.width * this.scale) / 2;
      this.y = (this.view.clientHeight - this.drawing.height * this.scale) / 2;
    }

    /* The whole map where its text stays readable; else a readable part, from the beginning of the main path. */
    open() {
      const least = READABLE_PX / this.drawing.text_size;
      this.fit();
      if (this.scale >= 0.95 * least) return; // a hair smaller is better than the end cut off
      this.scale = least;
      const first = this.nodes.get(this.drawing.main[0]) || this.drawing.nodes[0];
      const width = this.view.clientWidth;
      const spare = width - this.drawing.width * least;
      this.x = spare >= 2 * MARGIN ? spare / 2 : width / 2 - first.x * least;
      const top = first.y - first.height / 2;
      const high = this.drawing.height * least;
      this.y = high + 2 * MARGIN <= this.view.clientHeight ? (this.view.clientHeight - high) / 2 : MARGIN - top * least;
    }

    apply() {
      this.root.setAttribute("transform", "translate(" + this.x + "," + this.y + ") scale(" + this.scale + ")");
    }

    zoom(factor, x, y) {
      const atX = x === undefined ? this.view.clientWidth / 2 : x;
      const atY = y === undefined ? this.view.clientHeight / 2 : y;
      const least = Math.min(this.fitScale(), 0.25);
      const scale = Math.min(MOST_SCALE, Math.max(least, this.scale * factor));
      this.x = atX - ((atX - this.x) * scale) / this.scale;
      this.y = atY - ((atY - this.y) * scale) / this.scale;
      this.scale = scale;
      this.touched = true;
      this.apply();
    }

    pan(x, y) {
      this.x += x;
      this.y += y;
      this.touched = true;
      this.apply();
    }

    /* Brings an item into sight, and moves nothing when it is. */
    reveal(item) {
      const at = this.middle(item);
      const [x, y] = [at.x * this.scale + this.x, at.y * this.scale + this.y];
      const [wide, high] = [this.view.clientWidth, this.view.clientHeight];
      if (x > 60 && x < wide - 60 && y > 40 && y < high - 60) return;
      this.x += wide / 2 - x;
      this.y += high / 2 - y;
      this.apply();
    }

    resized() {
      const size = this.view.clientWidth + "x" + this.view.clientHeight;
      // The first report of the observer tells the size we have just used: what was brought into sight stays there.
      if (this.touched || size === this.size) return;
      this.size = size;
      this.open();
      this.apply();
    }

    buttons() {
      const box = html("div", "process-map-buttons", this.view);
      const make = (sign, name, act) => {
        const button = html("button", null, box, sign);
        button.type = "button";
        button.setAttribute("aria-label", name);
        button.addEventListener("click", act);
      };
      make("+", "Zoom in", () => this.zoom(1.25));
      make("−", "Zoom out", () => this.zoom(0.8));
      make("Fit", "Fit the whole map", () => { this.touched = true; this.fit(); this.apply(); });
    }

    listen() {
      const area = this.svg;
      const fingers = new Map();
      area.addEventListener("wheel", (event) => {
        if (!event.ctrlKey && !event.metaKey) return; // a plain wheel scrolls the page
        event.preventDefault();
        const box = area.getBoundingClientRect();
        this.zoom(Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top);
      }, { passive: false });
      area.addEventListener("pointerdown", (event) => {
        if (event.button !== 0) return;
        fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
        if (fingers.size === 1) { this.dragged = false; this.travel = 0; }
        this.tip.hidden = true;
      });
      area.addEventListener("pointermove", (event) => {
        const was = fingers.get(event.pointerId);
        if (!was) return;
        const now = { x: event.clientX, y: event.clientY };
        this.travel += Math.abs(now.x - was.x) + Math.abs(now.y - was.y);
        if (!this.dragged && this.travel < 6) return; // a click with an unsteady hand
        if (!this.dragged) {
          this.dragged = true;
          area.setPointerCapture(event.pointerId); // not earlier: capture would take clicks from lines and boxes
          area.classList.add("dragged");
        }
        if (fingers.size === 1) this.pan(now.x - was.x, now.y - was.y);
        else {
          const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
          const box = area.getBoundingClientRect();
          const [far, near] = [Math.hypot(now.x - other.x, now.y - other.y), Math.hypot(was.x - other.x, was.y - other.y)];
          if (near > 0) this.zoom(far / near, (now.x + other.x) / 2 - box.left, (now.y + other.y) / 2 - box.top);
        }
        fingers.set(event.pointerId, now);
      });
      const lift = (event) => {
        fingers.delete(event.pointerId);
        if (fingers.size) return;
        area.classList.remove("dragged");
        // The click that follows a drag still sees it as one.
        window.setTimeout(() => { this.dragged = false; }, 0);
      };
      area.addEventListener("pointerup", lift);
      area.addEventListener("pointercancel", lift);
      area.addEventListener("pointerleave", (event) => { if (!this.dragged) fingers.delete(event.pointerId); });
      area.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        const act = {
          "+": () => this.zoom(1.25), "=": () => this.zoom(1.25), "-": () => this.zoom(0.8),
          "0": () => { this.touched = true; this.fit(); this.apply(); },
          ArrowLeft: () => this.pan(60, 0), ArrowRight: () => this.pan(-60, 0),
          ArrowUp: () => this.pan(0, 60), ArrowDown: () => this.pan(0, -60),
        }[event.key];
        if (!act) return;
        event.preventDefault();
        this.tip.hidden = true;
        act();
      });
    }
  }

  window.gembascope = Object.assign(window.gembascope || {}, { drawMap: drawMap });
})();
