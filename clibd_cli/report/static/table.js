// The table of specimens: filters, order, pages, and rows that open by mouse and by keyboard.

const PAGE_SIZES = [25, 50, 100, 250];
const COLUMNS = [
  { key: "photo", title: "Photo", sorts: false },
  { key: "id", title: "Specimen", sorts: true },
  { key: "name", title: "Name", sorts: true },
  { key: "confidence", title: "Confidence", sorts: true, first: 1 },
  { key: "similarity", title: "Nearest reference", sorts: true, first: -1 },
  { key: "flags", title: "Flags", sorts: true },
];

const state = { words: [], flags: new Set(), rank: "", evidence: "", node: root,
  sort: "", direction: 1, page: 0, size: 50, open: new Set() };
let visible = [];

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

// For each row, its place in the order of a text; equal texts have equal places.
function textPlaces(textOf) {
  const all = Array.from({ length: data.n }, (_, i) => textOf(i));
  const distinct = [...new Set(all)].sort(collator.compare);
  const places = new Map(distinct.map((text, place) => [text, place]));
  return all.map((text) => (text ? places.get(text) : null));
}

const sortKeys = new Map();
function sortKey(key) {
  if (!sortKeys.has(key)) sortKeys.set(key, makeSortKey(key));
  return sortKeys.get(key);
}

function makeSortKey(key) {
  const each = (value) => Array.from({ length: data.n }, (_, i) => value(i));
  if (key === "id") return textPlaces((i) => rows.id[i]);
  if (key === "name") return textPlaces((i) => namesOf(rows.lineage[i]).join(" ").trim());
  if (key === "confidence") return each(calledConfidence);
  if (key === "similarity") return each((i) => at(rows.similarity, i));
  if (key === "flags") return each((i) => (flagWords(i).length ? i : null));
  return rows.position;
}

function matches(i) {
  if (state.rank !== "" && deepest(rows.lineage[i]) !== Number(state.rank)) return false;
  if (state.evidence !== "" && texts[rows.evidence[i]] !== state.evidence) return false;
  if (state.node !== root && !isBelow(state.node, i)) return false;
  if (state.flags.size && !flagWords(i).some((word) => state.flags.has(word))) return false;
  return state.words.every((word) => haystack(i).includes(word));
}

function selectRows() {
  visible = [];
  for (let i = 0; i < data.n; i++) if (matches(i)) visible.push(i);
  if (state.sort) {
    const keys = sortKey(state.sort);
    visible.sort((a, b) => {
      const x = keys[a] ?? null;
      const y = keys[b] ?? null;
      if (x === null || y === null) return (x === null) - (y === null) || a - b;
      return state.direction * (x - y) || a - b;
    });
  }
}

const pages = () => Math.max(1, Math.ceil(visible.length / state.size));

function pageRows() {
  return visible.slice(state.page * state.size, (state.page + 1) * state.size);
}

function rowOf(i) {
  const lineage = rows.lineage[i];
  const rank = deepest(lineage);
  const path = namesOf(lineage).filter((name, place) => name && place < Math.min(rank, 2)).join(" › ");
  const open = state.open.has(i);
  const words = flagWords(i);
  const sure = calledConfidence(i);
  const evidence = texts[rows.evidence[i]];
  const spoken = RANKS.map((name, place) => name + " " + decimal(confidenceOf(i, place))).join(", ");
  return el("tr", { class: "specimen" + (open ? " is-open" : ""), role: "row", tabindex: "-1",
    "data-row": i, "aria-expanded": String(open) },
    el("td", { role: "cell", class: "c-photo" }, photo(at(rows.picture, i), "", "small", evidence === "dna" ? "DNA" : "")),
    el("td", { role: "cell", class: "c-id" }, el("span", { class: "id" }, ...breakable(rows.id[i] || "(no id)")),
      evidence ? el("span", { class: "quiet small" }, evidence.replaceAll("+", " + ")) : null),
    el("td", { role: "cell", class: "c-name" },
      rank < 0 ? el("span", { class: "quiet" }, "no name") : taxon(nameAt(lineage, rank), rank),
      el("span", { class: "quiet small path" }, path || (rank < 0 ? "" : RANKS[rank]))),
    el("td", { role: "cell", class: "c-confidence", title: spoken },
      el("span", { class: "unseen" }, spoken),
      el("span", { class: "sure", "aria-hidden": "true" }, confidenceGlyph(i), el("span", { class: "number" }, decimal(sure)))),
    el("td", { role: "cell", class: "c-similarity" }, nearestCell(i)),
    el("td", { role: "cell", class: "c-flags" }, ...words.map(flagChip),
      at(rows.conflict, i) ? el("span", { class: "answers-short quiet small" }, at(rows.conflict, i)) : null));
}

function nearestCell(i) {
  const similarity = scaled(rows.similarity, i);
  const identity = scaled(rows.identity, i);
  const species = texts[rows.nearestSpecies[i]];
  if (similarity === null && !texts[rows.nearestId[i]]) return el("span", { class: "quiet" }, "–");
  return el("span", {},
    species ? taxon(species, 3) : el("span", { class: "break" }, texts[rows.nearestId[i]]),
    el("span", { class: "quiet small" }, identity === null ? decimal(similarity, 3)
      : `${decimal(similarity, 3)} · ${percent(identity)} identical`));
}

function detailRow(i) {
  return el("tr", { class: "detail", role: "row", id: "detail-" + i },
    el("td", { role: "cell", colspan: COLUMNS.length }, detailOf(i)));
}

function toggle(row) {
  const i = Number(row.dataset.row);
  const open = !state.open.has(i);
  if (open) {
    state.open.add(i);
    row.after(detailRow(i));
  } else {
    state.open.delete(i);
    document.getElementById("detail-" + i)?.remove();
  }
  row.classList.toggle("is-open", open);
  row.setAttribute("aria-expanded", String(open));
}

function focusRow(row) {
  if (!row) return;
  for (const other of body.querySelectorAll("tr.specimen[tabindex='0']")) other.tabIndex = -1;
  row.tabIndex = 0;
  row.focus();
}

function neighbour(row, step) {
  let next = row;
  do next = step > 0 ? next.nextElementSibling : next.previousElementSibling;
  while (next && !next.classList.contains("specimen"));
  return next;
}

function turnTo(page, fromEnd) {
  if (page < 0 || page >= pages() || page === state.page) return;
  state.page = page;
  drawRows();
  const all = body.querySelectorAll("tr.specimen");
  focusRow(all[fromEnd ? all.length - 1 : 0]);
}

function onKey(event) {
  const row = event.target.closest("tr.specimen");
  if (!row || event.target !== row || event.ctrlKey || event.altKey || event.metaKey) return;
  const all = () => body.querySelectorAll("tr.specimen");
  const actions = {
    ArrowDown: () => (neighbour(row, 1) ? focusRow(neighbour(row, 1)) : turnTo(state.page + 1)),
    ArrowUp: () => (neighbour(row, -1) ? focusRow(neighbour(row, -1)) : turnTo(state.page - 1, true)),
    Home: () => focusRow(all()[0]),
    End: () => focusRow(all()[all().length - 1]),
    PageDown: () => turnTo(state.page + 1),
    PageUp: () => turnTo(state.page - 1),
    Enter: () => toggle(row),
    " ": () => toggle(row),
    ArrowRight: () => { if (!row.classList.contains("is-open")) toggle(row); },
    ArrowLeft: () => { if (row.classList.contains("is-open")) toggle(row); },
    Escape: () => { if (row.classList.contains("is-open")) toggle(row); },
  };
  if (!Object.hasOwn(actions, event.key)) return;
  event.preventDefault();
  actions[event.key]();
}

function onClick(event) {
  const row = event.target.closest("tr.specimen");
  if (!row || String(getSelection())) return; // somebody is copying an id
  focusRow(row);
  toggle(row);
}
