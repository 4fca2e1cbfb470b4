// Handrail's own script: copy buttons, distances that stay true, quiet polling, and the keys of the search box. Every
// page works without it.

const WEEK = 7 * 86400;
const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

/** The words of handrail.web.words.distance. */
function distance(at, now) {
  const seconds = (now - at) / 1000;
  const size = Math.abs(seconds);
  if (size < 1) return "just now";
  if (size >= WEEK) return null;
  const [unit, name] = UNITS.find(([unit]) => size >= unit);
  const text = `${Math.floor(size / unit)} ${name}`;
  return seconds > 0 ? `${text} ago` : `in ${text}`;
}

function refreshDistances() {
  const now = Date.now();
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const text = distance(Date.parse(time.dateTime), now);
    if (text !== null && time.textContent !== text) time.textContent = text;
  }
}

function showCopyButtons(root) {
  if (!navigator.clipboard) return;
  for (const button of root.querySelectorAll("button.copy[hidden]")) button.hidden = false;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copy");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  button.classList.add("copied");
  setTimeout(() => button.classList.remove("copied"), 1200);
});

// Nobody looks at a hidden page: it asks again when it is seen.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden) event.preventDefault();
});

/** The search box that is seen: the page's own before that of the menu, which is opened where it is folded away. */
function searchBox() {
  const box = document.querySelector("main [data-find]") || document.querySelector("[data-find]");
  if (box && !box.checkVisibility()) box.closest("[popover]")?.showPopover();
  return box;
}

function isWriting(element) {
  return element.isContentEditable || element.matches("input, textarea, select");
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || document.querySelector("dialog:modal")) return;
  const slash = event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !isWriting(event.target);
  const letter = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
  if (!slash && !letter) return;
  const box = searchBox();
  if (!box) return;
  event.preventDefault();
  box.focus();
  box.select();
});

// Arrows lead from the box through what was found, and back.
document.addEventListener("keydown", (event) => {
  if ((event.key !== "ArrowDown" && event.key !== "ArrowUp") || event.ctrlKey || event.altKey || event.metaKey) return;
  const places = [...document.querySelectorAll("main [data-find], .hits a")];
  const next = places[places.indexOf(event.target) + (event.key === "ArrowDown" ? 1 : -1)];
  if (!places.includes(event.target) || !next) return;
  event.preventDefault();
  next.focus();
});

document.addEventListener("htmx:afterSwap", () => {
  showCopyButtons(document);
  refreshDistances();
});
showCopyButtons(document);
setInterval(refreshDistances, 1000);
