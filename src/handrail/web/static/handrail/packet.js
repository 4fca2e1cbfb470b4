// An annex's rows: a filter, folding of a tree, and keys. Without it the same rows are a table with pages and links.

const table = document.getElementById("annex-rows");
const box = document.querySelector("[data-filter]");

function rows() {
  return table ? [...table.tBodies[0].rows] : [];
}

function filter() {
  const wanted = box.value.trim().toLowerCase();
  for (const row of rows()) row.hidden = wanted !== "" && !row.textContent.toLowerCase().includes(wanted);
}

if (table && box) {
  box.closest("[hidden]").hidden = false;
  box.addEventListener("input", filter);
}

/** The rows below one of a tree: those that follow and stand deeper. */
function below(row) {
  const found = [];
  for (let next = row.nextElementSibling; next && Number(next.dataset.depth) > Number(row.dataset.depth); next = next.nextElementSibling) found.push(next);
  return found;
}

function fold(button, closed) {
  button.setAttribute("aria-expanded", String(!closed));
  button.textContent = closed ? "▸" : "▾";
  for (const row of below(button.closest("tr"))) {
    row.hidden = closed;
    const inner = row.querySelector("button.fold");
    if (inner) { inner.setAttribute("aria-expanded", String(!closed)); inner.textContent = closed ? "▸" : "▾"; }
  }
}

if (table && table.classList.contains("tree")) {
  for (const row of rows()) {
    if (!below(row).length) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "fold";
    button.textContent = "▾";
    button.setAttribute("aria-expanded", "true");
    button.setAttribute("aria-label", `Spans below number ${row.querySelector("a").textContent}`);
    button.addEventListener("click", () => fold(button, button.getAttribute("aria-expanded") === "true"));
    row.cells[0].append(button);
  }
}

// Up and down lead from row to row; left folds what is below, right unfolds it; Enter opens the row, being a link.
if (table) table.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || !event.target.closest("th")) return;
  const row = event.target.closest("tr");
  const shown = rows().filter((one) => !one.hidden && one.querySelector("th a"));
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const button = row.querySelector("button.fold");
  if (step) {
    const next = shown[shown.indexOf(row) + step];
    if (next) { next.querySelector("th a").focus(); event.preventDefault(); }
  } else if (button && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
    fold(button, event.key === "ArrowLeft");
    event.preventDefault();
  }
});
