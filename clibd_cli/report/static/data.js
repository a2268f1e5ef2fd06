// The data of the page, as page_data.py wrote it, and how to ask it for things.

const RANKS = ["order", "family", "genus", "species"];
const data = JSON.parse(document.getElementById("page-data").textContent);
const pictures = JSON.parse(document.getElementById("page-pictures").textContent);
const texts = data.texts;
const rows = data.rows;
const near = data.near;
const flagKinds = new Map(data.flags.map((flag) => [flag.word, flag]));

// A column is a list, or, where few rows have a value, an object by row.
const at = (column, i) => column[i] ?? null;
const scaled = (column, i) => (column[i] == null ? null : column[i] / 10000);

const nameAt = (lineage, rank) => texts[data.lineages[4 * lineage + rank]];
const namesOf = (lineage) => RANKS.map((_, rank) => nameAt(lineage, rank));

// The place of the finest rank with a name, or -1.
function deepest(lineage) {
  for (let rank = 3; rank >= 0; rank--) if (data.lineages[4 * lineage + rank]) return rank;
  return -1;
}

const flagWords = (i) => data.flagSets[rows.flags[i]].map((place) => texts[place]);
const confidenceOf = (i, rank) => scaled(rows.confidence, 4 * i + rank);
const sourceOf = (i) => texts[rows.folder[i]] + rows.file[i];

function calledConfidence(i) {
  const rank = deepest(rows.lineage[i]);
  return rank < 0 ? null : confidenceOf(i, rank);
}

// The finest rank at which a reference bears the name that the specimen was given, or -1.
function agreement(i, hit) {
  const mine = 4 * rows.lineage[i];
  const theirs = 4 * near.lineage[hit];
  for (let rank = 3; rank >= 0; rank--) {
    const place = data.lineages[mine + rank];
    if (place && place === data.lineages[theirs + rank]) return rank;
  }
  return -1;
}

// The references of a row: from which to which place, the latter not included.
const nearOf = (i) => (data.starts.length ? [data.starts[i], data.starts[i + 1]] : [0, 0]);

function pictureUrl(place) {
  return place == null ? null : "data:image/jpeg;base64," + pictures[place];
}

// What the search looks at, in lower case; made when a search first needs it.
const haystacks = [];
function haystack(i) {
  haystacks[i] ??= [
    rows.id[i], ...namesOf(rows.lineage[i]), texts[rows.nearestId[i]],
    texts[rows.nearestSpecies[i]], sourceOf(i), flagWords(i).join(" ").replaceAll("_", " "),
  ].join("\n").toLowerCase();
  return haystacks[i];
}
