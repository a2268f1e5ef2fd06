// What opens below a row: the names rank by rank, and the nearest references beside the specimen.

const AGREEMENT = ["same order", "same family", "same genus", "same species"];

function agreementWords(rank) {
  return rank < 0 ? "no rank in common" : AGREEMENT[rank];
}

function bandWords(i, hit, agrees) {
  const differ = nameAt(rows.lineage[i], 0) && nameAt(near.lineage[hit], 0);
  return agrees < 0 && differ ? "another order" : agreementWords(agrees);
}

function detailOf(i) {
  return el("div", { class: "detail-body" }, querySide(i), el("div", { class: "answers" },
    conflictOf(i), callOf(i), flagsOf(i)), nearestOf(i));
}

function querySide(i) {
  const facts = [
    ["specimen", rows.id[i]],
    ["evidence", texts[rows.evidence[i]].replaceAll("+", " + ")],
    ["supporting references", at(rows.support, i) === null ? "" : count(at(rows.support, i))],
    ["row in the results", count(rows.position[i])],
    ["source", sourceOf(i)],
  ].filter(([, value]) => value);
  return el("div", { class: "query" },
    photo(at(rows.picture, i), "photo of " + rows.id[i], "large", emptyPhoto(i)),
    explanationOf(i),
    el("dl", { class: "facts" },
      ...facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, ...breakable(value))))));
}

function explanationOf(i) {
  const looked = at(rows.explanation, i);
  if (looked === null) return null;
  return el("figure", { class: "looked" },
    photo(looked, "where the encoder looked in the photo of " + rows.id[i], "large", ""),
    el("figcaption", { class: "small" }, "Where the encoder looked",
      el("span", { class: "heat-key" }, "little", el("span", { class: "heat", "aria-hidden": "true" }), "much"),
      el("span", { class: "quiet" }, "Warm places counted most when this photo was compared with the references. "
        + "Veiled edges were not looked at. It does not tell how sure the name is.")));
}

function emptyPhoto(i) {
  return texts[rows.evidence[i]] === "dna" ? "barcode" : "no photo";
}

function callOf(i) {
  const lineage = rows.lineage[i];
  const lines = RANKS.map((rank, place) => {
    const name = nameAt(lineage, place);
    const share = confidenceOf(i, place);
    return el("tr", {},
      el("th", { scope: "row" }, rank),
      el("td", { class: "call-name" }, name ? taxon(name, place) : el("span", { class: "quiet" }, "left blank")),
      el("td", { class: "bar-cell" }, bar(share, name ? "sure" : "blank")),
      el("td", { class: "number" }, decimal(share)));
  });
  return el("table", { class: "call" },
    el("caption", {}, "Name and confidence"), el("tbody", {}, ...lines));
}

function conflictOf(i) {
  const conflict = at(rows.conflict, i);
  if (!conflict) return null;
  const answers = conflict.split(";").map((answer) => answer.trim()).filter(Boolean);
  return el("div", { class: "conflict" },
    el("h3", {}, "Two answers"),
    ...answers.map((answer) => {
      const colon = answer.indexOf(":");
      if (colon < 0) return el("p", {}, answer);
      return el("p", {}, el("b", {}, answer.slice(0, colon)), answer.slice(colon + 1));
    }));
}

function flagsOf(i) {
  const words = flagWords(i);
  if (!words.length) return null;
  return el("ul", { class: "flag-reasons" }, ...words.map((word) => el("li", {}, flagChip(word),
    el("span", { class: "quiet small" }, " " + (flagKinds.get(word)?.meaning ?? "")))));
}

function nearestOf(i) {
  const [from, to] = nearOf(i);
  const cards = [];
  for (let hit = from; hit < to; hit++) cards.push(nearCard(i, hit));
  if (!cards.length && texts[rows.nearestId[i]]) cards.push(nearestAlone(i));
  if (!cards.length) return null;
  return el("div", { class: "nearest" },
    el("h3", {}, cards.length > 1 ? "Nearest references" : "Nearest reference"),
    el("ol", { class: "cards" + (cards.some((card) => card.querySelector("img")) ? " with-photos" : "") },
      ...cards), legend());
}

function nearCard(i, hit) {
  const lineage = near.lineage[hit];
  const rank = deepest(lineage);
  const agrees = agreement(i, hit);
  const specimens = at(near.specimens, hit);
  const path = namesOf(lineage).filter((name, place) => name && place < Math.min(rank, 2)).join(" › ");
  return el("li", { class: "card agrees-" + agrees },
    el("p", { class: "band" }, bandWords(i, hit, agrees)),
    photo(at(near.picture, hit), "photo of " + texts[near.id[hit]], "medium",
      texts[near.modality[hit]] === "dna" ? "barcode" : "no photo here"),
    el("p", { class: "card-name" }, rank < 0 ? "without a name" : taxon(nameAt(lineage, rank), rank)),
    path ? el("p", { class: "quiet small" }, path) : null,
    el("dl", { class: "measures" }, ...measures(
      scaled(near.similarity, hit), scaled(near.identity, hit), at(near.overlap, hit))),
    el("p", { class: "quiet small break", title: texts[near.source[hit]] }, ...breakable(texts[near.id[hit]]),
      specimens > 1 ? " and " + count(specimens - 1) + " more" : ""),
    texts[near.bin[hit]] ? el("p", { class: "quiet small break" }, texts[near.bin[hit]]) : null);
}

// Where the page has no list of references, the results themselves name one.
function nearestAlone(i) {
  const species = texts[rows.nearestSpecies[i]];
  const same = species && species === nameAt(rows.lineage[i], 3);
  return el("li", { class: "card " + (same ? "agrees-3" : "agrees-unknown") },
    el("p", { class: "band" }, same ? AGREEMENT[3] : "nearest"),
    el("p", { class: "card-name" }, species ? taxon(species, 3) : "no species name"),
    el("dl", { class: "measures" }, ...measures(
      scaled(rows.similarity, i), scaled(rows.identity, i), at(rows.overlap, i))),
    el("p", { class: "quiet small break" }, ...breakable(texts[rows.nearestId[i]])));
}

function measures(similarity, identity, overlap) {
  const pairs = [["similarity", similarity === null ? null : decimal(similarity, 3)]];
  if (identity !== null) pairs.push(["identity", percent(identity)]);
  if (overlap !== null) pairs.push(["overlap", count(overlap) + " bp"]);
  return pairs.filter(([, value]) => value !== null)
    .map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)));
}

function legend() {
  return el("p", { class: "legend small quiet" }, "With the name given: ",
    ...[3, 2, 1, 0, -1].map((rank) => el("span", { class: "key agrees-" + rank },
      el("span", { class: "swatch" }), agreementWords(rank))));
}

// A row that only print shows: in one line, what a reader would open the specimen for.
function printedRow(i) {
  const names = RANKS.map((rank, place) => {
    const name = nameAt(rows.lineage[i], place);
    return name ? name + " " + decimal(confidenceOf(i, place)) : null;
  }).filter(Boolean);
  const [from, to] = nearOf(i);
  const found = [];
  for (let hit = from; hit < to; hit++) {
    const rank = deepest(near.lineage[hit]);
    found.push((rank < 0 ? texts[near.id[hit]] : nameAt(near.lineage[hit], rank)) + " "
      + decimal(scaled(near.similarity, hit), 3));
  }
  const parts = [names.join(" › "), found.length ? "nearest: " + found.join(", ") : "",
    at(rows.conflict, i) ?? ""];
  return el("tr", { class: "printed", role: "row" },
    el("td", { role: "cell" }), el("td", { role: "cell", colspan: COLUMNS.length - 1 }, parts.filter(Boolean).join(" · ")));
}
