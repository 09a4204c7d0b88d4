/* What the pages do in the browser without asking the server: follow links in place, paint the map, keep the widgets
   and the address in step. The address is the only state: a widget changes the address, and the address the widget. */
(function () {
  "use strict";

  const HOME_VIEW = "time";
  const TITLES = {
    "/overview": "What needs me now?",
    "/sla": "What is late, and what does it cost?",
    "/incidents": "What broke, and who has it?",
    "/incident": "Incident",
    "/remediation": "What waits for a decision?",
    "/map": "Process map",
    "/variants": "Which ways do cases run?",
    "/cases": "Which cases are these?",
    "/case": "Case",
  };
  /* Of pages about one thing the heading is its name, and so is their title. */
  const NAMED = ["/incident", "/remediation", "/case"];

  let watching = null;
  let held = null;
  const opened = new Set();

  /* What a page that renewed itself has lost: its name, the details that were open, the place of the keyboard. */
  function renewed(page) {
    const heading = NAMED.includes(window.location.pathname) && page.querySelector("h1");
    if (heading) entitle(heading.textContent);
    if (opened.size) {
      page.querySelectorAll("details[data-key]:not([open])").forEach((each) => { each.open = opened.has(each.dataset.key); });
    }
    if (held && !held.place.isConnected && document.activeElement === document.body) {
      const again = [...page.querySelectorAll(held.kind)].find((each) => nameOf(each) === held.name);
      if (again) again.focus({ preventScroll: true });
    }
  }

  function nameOf(place) {
    return place.getAttribute("href") || place.id || (place.parentElement && place.parentElement.dataset.key);
  }

  document.addEventListener("toggle", (event) => {
    const key = event.target.dataset && event.target.dataset.key;
    if (!key || !event.target.isConnected) return;
    if (event.target.open) opened.add(key);
    else opened.delete(key);
  }, true);

  document.addEventListener("focusin", (event) => {
    const place = event.target.closest("#page a[href], #page button[id], #page summary");
    const name = place && nameOf(place);
    held = name ? { place: place, kind: place.tagName, name: name } : null;
  });

  function entitle(text) {
    const wanted = text.slice(0, 120) + " · Gembascope";
    if (document.title !== wanted) document.title = wanted;
  }

  function query() {
    return new URLSearchParams(window.location.search);
  }

  /* Go to another address of the pages without loading the document anew; the same address is no step. */
  function go(address) {
    if (address === window.location.pathname + window.location.search) return;
    const elsewhere = address.split("?")[0] !== window.location.pathname;
    window.history.pushState({}, "", address);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
    if (elsewhere) window.scrollTo(0, 0);
  }

  function change(word, value) {
    const words = query();
    if (value === null) words.delete(word);
    else words.set(word, value);
    const text = words.toString().replace(/\+/g, "%20");
    go(window.location.pathname + (text ? "?" + text : ""));
  }

  function order() {
    return query().get("order") || "longest";
  }

  /* A header of the case list: where its link leads, and whether the list is in its order now. */
  function markOrder(link) {
    const orders = link.dataset.orders.split(" ").map((each) => each.split(":"));
    const at = orders.findIndex((each) => each[0] === order());
    const words = query();
    words.set("order", orders[(at + 1) % orders.length][0]);
    link.href = window.location.pathname + "?" + words.toString().replace(/\+/g, "%20");
    const head = link.closest('[role="columnheader"]');
    if (head) head.setAttribute("aria-sort", at < 0 ? "none" : orders[at][1]);
  }

  /* The step that an address asks for, else the one at which the map opens. */
  function wantedStep(map) {
    const asked = Number.parseInt(query().get("detail"), 10) - 1;
    return map.steps[asked] && map.steps[asked].drawing ? asked : map.default_step;
  }

  function select(selected) {
    window.dash_clientside.set_props("selected", { data: selected });
    if (selected && window.innerWidth < 992) {
      const side = document.getElementById("side");
      window.setTimeout(() => { if (side) side.scrollIntoView({ block: "start" }); }, 150);
    }
  }

  /* While one answer is awaited, no button of the place asks again. */
  document.addEventListener("click", (event) => {
    if (!event.target.closest(".asking button.act")) return;
    event.preventDefault();
    event.stopPropagation();
  }, true);

  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const link = event.target.closest("a.go, a.order");
    if (link && link.origin === window.location.origin) {
      event.preventDefault();
      go(link.pathname + link.search);
      if (link.closest(".pager")) window.scrollTo(0, 0);
      return;
    }
    const pick = event.target.closest("button.pick");
    if (!pick) return;
    select("source" in pick.dataset ? { source: pick.dataset.source, target: pick.dataset.target } : null);
  });
  document.addEventListener("map-edge", (event) => select(event.detail));
  document.addEventListener("map-activity", (event) => select(event.detail));

  const pages = {
    drawMap: function (map, search, selected) {
      const same = window.dash_clientside.no_update;
      const place = document.getElementById("map");
      const area = document.getElementById("map-area");
      if (!place || !area) return [same, same];
      area.hidden = map === null;
      if (!map) {
        place.replaceChildren();
        return [same, same];
      }
      const step = wantedStep(map);
      const mode = (query().get("view") || HOME_VIEW) === "frequency" ? "frequency" : "time";
      window.gembascope.drawMap(place, map, { mode: mode, step: step, selected: selected });
      return [step + 1, map.steps.map((one) => ({ value: one.index + 1, label: one.name }))];
    },

    chooseDetail: function (value, map) {
      if (!map || !value || value === wantedStep(map) + 1) return;
      change("detail", String(value));
    },

    chooseProcess: function (value, current) {
      if (!value || !current || value === current) return;
      const path = window.location.pathname === "/case" ? "/cases" : window.location.pathname;
      const view = query().get("view");
      go(path + "?process=" + encodeURIComponent(value) + (view ? "&view=" + encodeURIComponent(view) : ""));
    },

    readOrder: order,

    chooseOrder: function (value) {
      if (value && value !== order()) change("order", value);
    },

    renewGrid: function () {
      if (!document.getElementById("grid")) return;
      document.querySelectorAll("#grid a.order").forEach(markOrder);
      try {
        window.dash_ag_grid.getApi("grid").purgeInfiniteCache();
      } catch (error) {
        return; // the grid is not up yet and will ask by itself
      }
    },

    openCase: function (cell) {
      if (!cell || cell.colId === "case") return;
      const link = document.querySelector('#grid [row-index="' + Number(cell.rowIndex) + '"] a.go');
      if (link) go(link.pathname + link.search);
    },

    openFilters: function (clicks) {
      return Boolean(clicks);
    },

    navbar: function (opened, navbar) {
      return Object.assign({}, navbar, { collapsed: { mobile: !opened } });
    },

    arrive: function (path) {
      // The drawer of filters brings a header of its own, and a page has one banner at most.
      const header = document.querySelector(".mantine-AppShell-header");
      if (header) header.setAttribute("role", "group");
      const page = document.getElementById("page");
      const here = path === "/" && page ? page.dataset.home : path;
      entitle(TITLES[here] || "There is no such page");
      opened.clear();
      if (page && !watching) {
        watching = new MutationObserver(() => renewed(page));
        watching.observe(page, { childList: true, subtree: true });
      }
      return false;
    },
  };

  window.dash_clientside = Object.assign(window.dash_clientside || {}, { pages: pages });

  /* The first cell of a case list: a real link, so that it opens in a new tab too. */
  const renderers = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
  renderers.CaseLink = function (props) {
    if (!props.data) return window.React.createElement("span", { className: "dim" }, "…");
    return window.React.createElement("a", { className: "go", href: props.data.address }, props.value);
  };

  /* A header that is a real link. The grid gives the keyboard to the header's cell; Enter and space follow its link. */
  renderers.OrderHeader = function (props) {
    const found = window.React.useRef(null);
    window.React.useEffect(() => {
      const link = found.current;
      const head = link.closest('[role="columnheader"]');
      const follow = (event) => {
        if (event.target !== head || (event.key !== "Enter" && event.key !== " ")) return;
        event.preventDefault();
        link.click();
      };
      markOrder(link);
      head.addEventListener("keydown", follow);
      return () => head.removeEventListener("keydown", follow);
    }, []);
    const said = { className: "order", ref: found, "data-orders": props.orders.join(" "), tabIndex: -1 };
    return window.React.createElement("a", said, props.displayName);
  };
})();
