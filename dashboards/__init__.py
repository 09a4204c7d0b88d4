"""Pages for people: Dash on the server of the API, and the parts that its pages are made of.

A page answers the one question in its title and shows one chart for it; every number leads to its cases.
What is here, from the ground up:

- `format`: numbers, shares and durations as text. All pages take such text from there, so that one figure
  never reads in two ways.
- `process_map`: a directly-follows graph becomes positions, routes and words on the server. It is a set of
  pure functions: the same rows give the same drawing.
- `assets`: what the browser gets besides Dash itself. `process_map.js` paints the drawing as SVG and answers
  to pointer, touch and keyboard; `process_map.css` holds its colours for the light and the dark scheme. No
  file there needs `eval`, an inline script, or another host.

Names from the data are hostile until proven otherwise: they reach a page as text, never as markup, and they
never reach Graphviz. Colour tells a state and never alone: a text or a shape says the same.
"""
