/* Sets the colour scheme before the first paint: what the reader chose last time, else what the system prefers. */
(function () {
  "use strict";
  let kept = null;
  try { kept = window.localStorage.getItem("mantine-color-scheme-value"); } catch (error) { kept = null; }
  const dark = window.matchMedia("(prefers-color-scheme: dark)").matches;
  const scheme = kept === "dark" || kept === "light" ? kept : dark ? "dark" : "light";
  document.documentElement.setAttribute("data-mantine-color-scheme", scheme);
})();
