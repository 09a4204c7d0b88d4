/* What the scripts that paint share; it is loaded before them, by name. */
(function () {
  "use strict";

  /* An element at the end of `parent`. Every text is hostile: it becomes a text node, never markup. */
  function element(name, className, parent, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    if (parent) parent.appendChild(made);
    return made;
  }

  window.gembascope = { element: element };
})();
