// Draws boxes on pages by mouse, touch or keyboard. Without this script the same form takes a box's place in numbers.

const form = document.querySelector("[data-picture-form]");
const list = form.querySelector("[data-boxes]");
const WHOLE = 1000;
const MARGIN = 2;

function within(value, low, high) {
  return Math.min(Math.max(Math.round(value), low), high);
}

// A new box: an entry of the form, and a mark on its page that can be moved with the arrow keys.
function add(page, x, y, w, h) {
  const figure = document.querySelector(`[data-page="${page}"]`);
  const item = document.createElement("li");
  const label = document.createElement("label");
  const check = document.createElement("input");
  const text = document.createElement("span");
  label.className = "check";
  check.type = "checkbox";
  check.name = "box";
  check.checked = true;
  label.append(check, " ", text);
  item.append(label);
  list.append(item);
  form.querySelector("[data-none]")?.remove();
  const mark = document.createElement("button");
  mark.type = "button";
  mark.className = "covering";
  figure.append(mark);
  const box = { x, y, w, h };

  function show() {
    box.w = within(box.w, 1, WHOLE);
    box.h = within(box.h, 1, WHOLE);
    box.x = within(box.x, 0, WHOLE - box.w);
    box.y = within(box.y, 0, WHOLE - box.h);
    check.value = [page, box.x, box.y, box.w, box.h].join(",");
    text.textContent = `Page ${page}: ${box.x}, ${box.y}, ${box.w} wide, ${box.h} high`;
    mark.setAttribute("aria-label", `Box on page ${page} at ${box.x}, ${box.y}, ${box.w} wide, ${box.h} high`);
    const image = figure.querySelector("img");
    mark.style.left = `${image.offsetLeft + (box.x / WHOLE) * image.clientWidth}px`;
    mark.style.top = `${image.offsetTop + (box.y / WHOLE) * image.clientHeight}px`;
    mark.style.width = `${(box.w / WHOLE) * image.clientWidth}px`;
    mark.style.height = `${(box.h / WHOLE) * image.clientHeight}px`;
    mark.hidden = !check.checked;
  }

  check.addEventListener("change", show);
  addEventListener("resize", show);
  // Arrow keys move, with Shift they resize; Delete takes the box away.
  mark.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-5, 0], ArrowRight: [5, 0], ArrowUp: [0, -5], ArrowDown: [0, 5] }[event.key];
    if (event.key === "Delete" || event.key === "Backspace") {
      item.remove();
      mark.remove();
      event.preventDefault();
    } else if (step) {
      event.preventDefault();
      if (event.shiftKey) {
        box.w += step[0];
        box.h += step[1];
      } else {
        box.x += step[0];
        box.y += step[1];
      }
      show();
    }
  });
  show();
  return { mark, box, show, remove: () => { item.remove(); mark.remove(); } };
}

for (const figure of document.querySelectorAll("[data-page]")) {
  const image = figure.querySelector("img");
  const page = figure.dataset.page;
  let start = null;
  let made = null;

  function place(event) {
    const area = image.getBoundingClientRect();
    return [
      within(((event.clientX - area.left) / area.width) * WHOLE, 0, WHOLE),
      within(((event.clientY - area.top) / area.height) * WHOLE, 0, WHOLE),
    ];
  }

  image.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    image.setPointerCapture(event.pointerId);
    start = place(event);
    made = add(page, start[0], start[1], 1, 1);
  });
  image.addEventListener("pointermove", (event) => {
    if (!made) return;
    const [x, y] = place(event);
    made.box.x = Math.min(x, start[0]);
    made.box.y = Math.min(y, start[1]);
    made.box.w = Math.abs(x - start[0]);
    made.box.h = Math.abs(y - start[1]);
    made.show();
  });
  for (const over of ["pointerup", "pointercancel"]) {
    image.addEventListener(over, () => {
      if (made && (over === "pointercancel" || (made.box.w < MARGIN && made.box.h < MARGIN))) made.remove();
      made = start = null;
    });
  }
  const press = document.createElement("button");
  press.type = "button";
  press.className = "button";
  press.textContent = `Add a box on page ${page}`;
  press.addEventListener("click", () => add(page, 400, 450, 200, 100).mark.focus());
  figure.querySelector("figcaption").append(" ", press);
}

// A finding that is to be covered becomes boxes at once, so that they can be seen.
for (const check of document.querySelectorAll("[data-cover]")) {
  check.addEventListener("change", () => {
    if (!check.checked) return;
    for (const text of check.value.split(" ")) add(...text.split(",").map(Number));
    check.disabled = true;
  });
}
