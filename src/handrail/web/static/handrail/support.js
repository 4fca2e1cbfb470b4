// The slide-over of Request support. Without this script the same form stands in the page.

const dialog = document.getElementById("support");
const form = dialog.querySelector("form");
const latest = document.getElementById("support-latest");
const above = dialog.querySelector("[data-support-latest]");
const addressOfForm = form.action;
let opener = null;

function open() {
  if (latest) above.append(latest);
  dialog.removeAttribute("open");
  dialog.showModal();
}

for (const link of document.querySelectorAll("[data-support-open]")) {
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    opener = link;
    history.replaceState(null, "", addressOfForm);
    if (link.dataset.supportOpen) dialog.querySelector("details").open = true;
    open();
  });
}

for (const link of dialog.querySelectorAll("[data-support-close]")) {
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    dialog.close();
  });
}

// Closing keeps what was typed: the action opens the same form again.
dialog.addEventListener("close", () => {
  if (latest) dialog.after(latest);
  history.replaceState(null, "", dialog.dataset.page);
  (opener ?? document.querySelector("[data-support-open]"))?.focus();
});

// The server takes a second click as the first one; this spares it the wait.
form.addEventListener("submit", (event) => {
  if ("sent" in form.dataset) event.preventDefault();
  form.dataset.sent = "";
});
addEventListener("pageshow", () => delete form.dataset.sent);

open();
