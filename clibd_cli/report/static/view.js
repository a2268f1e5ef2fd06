// Small pieces of the page. Text from data becomes text nodes and attribute values, nothing else.

const SVG = "http://www.w3.org/2000/svg";
const count = new Intl.NumberFormat("en").format;

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function button(attributes, pressed, ...children) {
  const node = el("button", { type: "button", ...attributes }, ...children);
  node.addEventListener("click", pressed);
  return node;
}

const decimal = (number, digits = 2) => (number === null ? "–" : number.toFixed(digits));
const percent = (number) => (number === null ? "–" : (100 * number).toFixed(1) + " %");

// A name as taxonomists write it: genus and species in italics.
function taxon(name, rank) {
  return el(rank >= 2 ? "i" : "span", { class: "taxon" }, name);
}

// Long ids and paths may break after their separators.
function breakable(text) {
  return text.split(/(?<=[/\\_-])/).flatMap((part) => [part, el("wbr")]);
}

function flagChip(word) {
  const kind = flagKinds.get(word);
  const label = kind ? kind.label : word.replaceAll("_", " ");
  return el("span", { class: "flag " + (kind ? kind.tone : "attention") }, label);
}

function photo(place, label, side, empty) {
  const url = pictureUrl(place);
  if (url === null) return el("span", { class: "no-photo " + side, "aria-hidden": "true" }, empty);
  return el("img", { class: "photo " + side, src: url, alt: label, decoding: "async" });
}

// Four small columns, from order to species: how sure each name is; an empty one is a blank.
function confidenceGlyph(i) {
  const parts = RANKS.map((rank, place) => {
    const share = confidenceOf(i, place);
    const height = share === null ? 0 : Math.max(1, 18 * Math.min(1, share));
    const x = 9 * place;
    return svg("g", {},
      svg("rect", { class: "track", x, y: 0, width: 6, height: 18, rx: 1 }),
      svg("rect", { class: "fill", x, y: 18 - height, width: 6, height, rx: 1 }));
  });
  return svg("svg", { class: "glyph", viewBox: "0 0 33 18", "aria-hidden": "true" }, ...parts);
}

function bar(share, kind) {
  return svg("svg", { class: "bar " + kind, viewBox: "0 0 100 8", preserveAspectRatio: "none",
    "aria-hidden": "true" },
    svg("rect", { class: "track", width: 100, height: 8 }),
    svg("rect", { class: "fill", width: 100 * Math.max(0, Math.min(1, share ?? 0)), height: 8 }));
}
