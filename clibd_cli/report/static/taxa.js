// What was found: a sunburst to click, and beside it the same as a list for keyboard and print.

const PALETTE_SIZE = 8;
const SMALLEST = 0.004; // of the circle; what is smaller is drawn together
const LISTED = 9;

// The tree of names, with the number of specimens below each; built once.
const root = { name: "", rank: -1, n: 0, named: 0, parent: null, children: new Map(), hue: -1 };

function growTree() {
  const counts = new Map();
  for (const lineage of rows.lineage) counts.set(lineage, (counts.get(lineage) ?? 0) + 1);
  for (const [lineage, n] of counts) {
    const end = deepest(lineage);
    let node = root;
    node.n += n;
    for (let rank = 0; rank <= end; rank++) {
      const place = data.lineages[4 * lineage + rank];
      if (!node.children.has(place)) {
        node.children.set(place, { place, name: texts[place], rank, n: 0, parent: node,
          children: new Map(), hue: -1 });
      }
      node = node.children.get(place);
      node.n += n;
    }
  }
  sorted(firstFork(root)).slice(0, PALETTE_SIZE).forEach((node, hue) => { node.hue = hue; });
}

// Where all below `node` are alike, say all Lepidoptera, what is to be seen begins further down.
function firstFork(node) {
  let fork = node;
  while (fork.children.size === 1) {
    const [only] = fork.children.values();
    if (only.n < fork.n || !only.children.size) break;
    fork = only;
  }
  return fork;
}

function sorted(node) {
  return [...node.children.values()].sort((a, b) => b.n - a.n || (a.name < b.name ? -1 : 1));
}

function pathOf(node) {
  const path = [];
  for (let step = node; step.parent; step = step.parent) path.unshift(step);
  return path;
}

function titleOf(node) {
  return node.rank < 0 ? "all" : node.name || "no " + RANKS[node.rank] + " named";
}

const hueOf = (node) => pathOf(node).find((step) => step.hue >= 0)?.hue ?? -1;

// Whether a row lies below `node`.
function isBelow(node, i) {
  return pathOf(node).every((step) => data.lineages[4 * rows.lineage[i] + step.rank] === step.place);
}

function arc(from, to, inner, outer) {
  const turn = Math.min(to - from, 0.99999);
  const point = (share, radius) => {
    const angle = 2 * Math.PI * share - Math.PI / 2;
    return (radius * Math.cos(angle)).toFixed(2) + " " + (radius * Math.sin(angle)).toFixed(2);
  };
  const large = turn > 0.5 ? 1 : 0;
  const end = from + turn;
  return `M${point(from, outer)}A${outer} ${outer} 0 ${large} 1 ${point(end, outer)}`
    + `L${point(end, inner)}A${inner} ${inner} 0 ${large} 0 ${point(from, inner)}Z`;
}

const HOLE = 58;
const EDGE = 150;

function drawSunburst(place, top, choose) {
  const rings = 3 - top.rank;
  const width = (EDGE - HOLE) / Math.max(1, rings);
  const segments = [];
  const draw = (node, from, to, classes, label, target) => {
    const ring = node.rank - top.rank - 1;
    const path = svg("path", { class: classes,
      d: arc(from, to, HOLE + ring * width, HOLE + (ring + 1) * width - 1) },
      svg("title", {}, label));
    path.addEventListener("click", () => choose(target));
    segments.push(path);
  };
  const spread = (parent, from) => {
    let start = from;
    let small = 0;
    let first = null;
    for (const node of sorted(parent)) {
      const share = node.n / top.n;
      if (share < SMALLEST) { small += share; first ??= node; continue; }
      draw(node, start, start + share, `segment hue-${hueOf(node)} ring-${node.rank}`,
        `${titleOf(node)}: ${count(node.n)}`, node);
      spread(node, start);
      start += share;
    }
    if (first && small >= SMALLEST / 4) {
      draw(first, start, start + small, `segment small hue-${hueOf(parent)}`, "smaller ones together", parent);
    }
  };
  if (top.n) spread(top, 0);
  const middle = svg("g", { class: "middle" },
    svg("circle", { r: HOLE - 4 }),
    svg("text", { class: "middle-number", y: 2 }, count(top.n)),
    svg("text", { class: "middle-name", y: 20 }, clipped(titleOf(top), 15)),
    svg("title", {}, top.parent ? "Back to " + titleOf(top.parent) : "All specimens"));
  if (top.parent) middle.addEventListener("click", () => choose(top.parent));
  place.replaceChildren(svg("svg", { viewBox: "-152 -152 304 304", "aria-hidden": "true",
    class: top.parent ? "inside" : "" }, ...segments, middle));
}

const clipped = (text, length) => (text.length > length ? text.slice(0, length - 1) + "…" : text);

function drawTaxaList(place, top, choose, whole) {
  const children = sorted(top);
  const listed = whole ? children.slice(0, 500) : children.slice(0, LISTED);
  const largest = Math.max(1, ...listed.slice(0, 1).map((node) => node.n));
  const crumbs = [root, ...pathOf(top)].map((node) => {
    const current = node === top;
    const step = button({ class: "crumb", "aria-current": current ? "true" : null },
      () => choose(node), node.rank < 0 ? "All" : taxon(titleOf(node), node.rank));
    return el("li", {}, step);
  });
  const items = listed.map((node) => el("li", {}, button({ class: "taxon-row hue-" + hueOf(node) },
    () => choose(node),
    el("span", { class: "swatch" }),
    el("span", { class: "taxon-name" }, taxon(titleOf(node), node.rank)),
    bar(node.n / largest, "share"),
    el("span", { class: "number" }, count(node.n)))));
  const hidden = children.length - listed.length;
  const blank = top.n - children.reduce((sum, node) => sum + node.n, 0);
  place.replaceChildren(
    el("ol", { class: "crumbs", "aria-label": "Where you are" }, ...crumbs),
    children.length ? el("ul", { class: "taxon-rows" }, ...items)
      : el("p", { class: "quiet small" }, "Nothing finer was named."),
    ...(hidden && !whole
      ? [button({ class: "link" }, () => drawTaxaList(place, top, choose, true), `${count(hidden)} more`)]
      : []),
    ...(blank && children.length ? [el("p", { class: "quiet small" },
      `${count(blank)} without a name at ${RANKS[top.rank + 1]}`)] : []));
}
