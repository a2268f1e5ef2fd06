// Puts the page together, and draws it again where something has been chosen.

const controls = document.getElementById("controls");
const tablePlace = document.getElementById("table");
const sunburst = document.getElementById("sunburst");
const taxaList = document.getElementById("taxa-list");

const body = el("tbody", { role: "rowgroup" });
const headings = new Map();
const told = el("p", { class: "told", role: "status" });
const printedTold = el("p", { class: "printed" });
const pager = el("nav", { class: "pager", "aria-label": "Pages of the table" });
const search = el("input", { type: "search", id: "search", placeholder: "id, name, file, flag …",
  autocomplete: "off", spellcheck: "false" });
const clear = button({ class: "link" }, clearFilters, "Clear filters");
const chips = new Map();

function select(id, options, chosen) {
  const node = el("select", { id },
    ...options.map(([value, label]) => el("option", { value }, label)));
  node.addEventListener("change", () => { chosen(node.value); redraw(); });
  return node;
}

const rankSelect = select("rank", [["", "any"], ...RANKS.map((rank, place) => [String(place), rank]).reverse(),
  ["-1", "no name"]], (value) => { state.rank = value; });
const kinds = [...new Set(rows.evidence)].map((place) => texts[place]).filter(Boolean).sort().slice(0, 20);
const evidenceSelect = select("evidence", [["", "any"], ...kinds.map((kind) => [kind, clipped(kind.replaceAll("+", " + "), 24)])],
  (value) => { state.evidence = value; });
const orderSelect = select("order", [["", "flags first"], ["position", "as in the results"]],
  (value) => { state.sort = value; state.direction = 1; });
const sizeSelect = select("size", PAGE_SIZES.map((size) => [String(size), String(size)]),
  (value) => { state.size = Number(value); });
sizeSelect.value = String(state.size);

function labelled(text, field) {
  return el("label", { class: "field", for: field.id }, el("span", {}, text), field);
}

function buildControls() {
  for (const flag of data.flags) {
    chips.set(flag.word, button({ class: "chip flag " + flag.tone, "aria-pressed": "false",
      title: flag.meaning }, () => {
      if (!state.flags.delete(flag.word)) state.flags.add(flag.word);
      redraw();
    }, flag.label, el("span", { class: "number" }, count(flag.count))));
  }
  controls.append(
    el("div", { class: "fields" }, labelled("Search", search), labelled("Named to", rankSelect),
      kinds.length > 1 ? labelled("Evidence", evidenceSelect) : null, labelled("Order", orderSelect)),
    el("div", { class: "chips", role: "group", "aria-label": "Only rows with these flags" }, ...chips.values()),
    el("div", { class: "status" }, told, clear));
  search.addEventListener("input", () => {
    state.words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    redraw();
  });
}

function buildTable() {
  const cells = COLUMNS.map((column) => {
    const title = column.sorts
      ? button({ class: "sort" }, () => sortBy(column), column.title, el("span", { class: "arrow", "aria-hidden": "true" }))
      : el("span", { class: "unseen" }, column.title);
    const cell = el("th", { scope: "col", role: "columnheader", class: "c-" + column.key }, title);
    headings.set(column.key, cell);
    return cell;
  });
  const hint = el("p", { class: "quiet small hint" }, el("kbd", {}, "↑"), el("kbd", {}, "↓"), " move, ",
    el("kbd", {}, "Enter"), " opens a row, ", el("kbd", {}, "/"), " searches");
  const table = el("table", { class: "specimens", role: "table", "aria-labelledby": "specimens-title" },
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...cells)), body);
  body.addEventListener("keydown", onKey);
  body.addEventListener("click", onClick);
  tablePlace.append(table, printedTold, el("div", { class: "below" }, pager, labelled("Rows a page", sizeSelect), hint));
}

function sortBy(column) {
  const first = column.first ?? 1;
  if (state.sort !== column.key) [state.sort, state.direction] = [column.key, first];
  else if (state.direction === first) state.direction = -first;
  else [state.sort, state.direction] = ["", 1];
  redraw();
}

function chooseTaxon(node) {
  const inList = taxaList.contains(document.activeElement);
  state.node = node;
  redraw();
  if (inList) taxaList.querySelector("[aria-current]")?.focus();
}

function clearFilters() {
  Object.assign(state, { words: [], rank: "", evidence: "", node: root });
  state.flags.clear();
  search.value = rankSelect.value = evidenceSelect.value = "";
  redraw();
  search.focus();
}

let drawnNode = null;
function redraw() {
  state.page = 0;
  state.open.clear();
  selectRows();
  drawRows();
  if (drawnNode !== state.node) {
    const fork = firstFork(state.node);
    // A species has nothing below it: its genus stays in view.
    drawSunburst(sunburst, fork.children.size || !fork.parent ? fork : fork.parent, chooseTaxon);
    drawTaxaList(taxaList, fork, chooseTaxon, false);
    drawnNode = state.node;
  }
  for (const [word, chip] of chips) chip.setAttribute("aria-pressed", String(state.flags.has(word)));
  for (const [key, cell] of headings) {
    if (state.sort === key) cell.setAttribute("aria-sort", state.direction > 0 ? "ascending" : "descending");
    else cell.removeAttribute("aria-sort");
  }
  orderSelect.value = ["", "position"].includes(state.sort) ? state.sort : "";
  clear.hidden = visible.length === data.n;
}

function drawRows() {
  const shown = pageRows();
  body.replaceChildren(...shown.flatMap((i) => (state.open.has(i) ? [rowOf(i), detailRow(i), printedRow(i)] : [rowOf(i), printedRow(i)])));
  if (!shown.length) {
    body.append(el("tr", { role: "row" }, el("td", { role: "cell", colspan: COLUMNS.length, class: "nothing" },
      data.n ? "Nothing matches these filters." : "There are no specimens.")));
  }
  body.querySelector("tr.specimen")?.setAttribute("tabindex", "0");
  const from = state.page * state.size;
  const range = shown.length ? `${count(from + 1)}–${count(from + shown.length)} of ` : "";
  const filtered = visible.length === data.n ? "" : ` (${count(data.n)} in all)`;
  const words = `${range}${count(visible.length)} ${visible.length === 1 ? "specimen" : "specimens"}${filtered}`;
  told.textContent = words;
  printedTold.textContent = `Specimens ${words}.`;
  drawPager();
}

function drawPager() {
  const last = pages() - 1;
  const step = (label, page, name) => {
    const node = button({ class: "page", "aria-label": name }, () => { turnTo(page); tablePlace.scrollIntoView(); }, label);
    node.disabled = page < 0 || page > last || page === state.page;
    return node;
  };
  pager.replaceChildren(step("«", 0, "First page"), step("‹ Previous", state.page - 1, "Previous page"),
    el("span", { class: "number" }, `${count(state.page + 1)} / ${count(last + 1)}`),
    step("Next ›", state.page + 1, "Next page"), step("»", last, "Last page"));
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.closest("input, select, textarea")) return;
  event.preventDefault();
  search.focus();
});

growTree();
buildControls();
buildTable();
redraw();
