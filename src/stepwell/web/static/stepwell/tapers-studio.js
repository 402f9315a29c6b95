// The studio works without this file: every field has a button. With it a change is drawn at once (htmx does that), what was open stays
// open, the new heading is told, and points of the chart can be dragged, or moved with the arrow keys: that fills the field of the step.
const main = document.querySelector("main");
const STUDIO = "studio";
let open = [];
let held = null; // the step whose point had the focus

const studio = () => document.getElementById(STUDIO);
const points = () => [...studio().querySelectorAll(".sw-taper-point")].filter((point) => point.getBoundingClientRect().width > 0);

// Boxes of doses are in mg, of patches in micrograms an hour; the chart counts micrograms.
const patches = () => studio().dataset.unit !== "mg";
const written = (ug) => (patches() ? String(ug) : String(Math.round(ug) / 1000));

function move(point, ug) {
  const number = point.dataset.step;
  const field = document.getElementById(`d${number}`);
  if (!field) return;
  const most = Number(point.dataset.most);
  const by = Number(field.dataset.by) || 1;
  const wanted = Math.max(0, Math.min(most, Math.round(ug / by) * by));
  field.value = written(wanted);
  held = number;
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

function make(point, at, all) {
  point.setAttribute("role", "slider");
  point.setAttribute("tabindex", at === 0 ? "0" : "-1");
  point.setAttribute("aria-orientation", "vertical");
  point.setAttribute("aria-valuemin", "0");
  point.setAttribute("aria-valuemax", written(Number(point.dataset.most)));
  point.setAttribute("aria-valuenow", written(Number(point.dataset.ug)));
  point.setAttribute("aria-label", `Dose from ${point.dataset.on}`);
  point.addEventListener("keydown", (event) => {
    const by = Number(document.getElementById(`d${point.dataset.step}`)?.dataset.by) || 1;
    const ug = Number(point.dataset.ug);
    const other = { ArrowRight: all[at + 1], ArrowLeft: all[at - 1], Home: all[0], End: all[all.length - 1] }[event.key];
    if (event.key === "ArrowUp") move(point, ug + by);
    else if (event.key === "ArrowDown") move(point, ug - by);
    else if (other) {
      all.forEach((each) => each.setAttribute("tabindex", each === other ? "0" : "-1"));
      other.focus();
    } else return;
    event.preventDefault();
  });
  point.addEventListener("pointerdown", (event) => drag(point, event));
}

function drag(point, event) {
  event.preventDefault();
  const svg = point.ownerSVGElement;
  const shape = point.firstElementChild;
  const { top, bottom, topUg } = svg.dataset;
  const scale = svg.viewBox.baseVal.height / svg.getBoundingClientRect().height;
  const from = event.clientY;
  const started = Number(point.dataset.ug);
  const perUnit = Number(topUg) / (Number(bottom) - Number(top));
  let ug = started;
  const follow = (moved) => {
    const by = (moved.clientY - from) * scale;
    ug = Math.max(0, Math.min(Number(point.dataset.most), started - by * perUnit));
    shape.setAttribute("transform", `translate(0 ${(started - ug) / perUnit})`);
  };
  const drop = () => {
    document.removeEventListener("pointermove", follow);
    document.removeEventListener("pointerup", drop);
    if (ug !== started) move(point, ug);
  };
  document.addEventListener("pointermove", follow);
  document.addEventListener("pointerup", drop);
}

function wake() {
  if (!studio()) return;
  for (const svg of studio().querySelectorAll(".sw-taper-chart")) {
    const own = [...svg.querySelectorAll(".sw-taper-point")];
    if (!own.length) continue;
    // What is inside a picture cannot be reached: with points to move it is a group of controls.
    svg.setAttribute("role", "group");
    own.forEach((point, at) => make(point, at, own));
  }
}

document.addEventListener("htmx:beforeRequest", () => {
  open = [...studio().querySelectorAll("details[open][id]")].map((each) => each.id);
});
// A page instead of the studio: signed out, or no longer allowed. Show it as what it is. What failed is told; the picture stays.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.id !== STUDIO || event.detail.isError) return;
  if (!event.detail.serverResponse.includes(`id="${STUDIO}"`)) {
    event.detail.shouldSwap = false;
    location.reload();
  }
});
for (const failed of ["htmx:responseError", "htmx:sendError"]) {
  document.addEventListener(failed, () => {
    const told = document.getElementById("studio-failed");
    if (told) told.hidden = false;
  });
}
document.addEventListener("htmx:afterSwap", () => {
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  wake();
  if (held) {
    const point = points().find((each) => each.dataset.step === held);
    if (point) {
      points().forEach((each) => each.setAttribute("tabindex", each === point ? "0" : "-1"));
      point.focus();
    }
    held = null;
  }
  const said = document.getElementById("studio-said");
  if (said) said.textContent = studio().dataset.said;
});
// An own dose to stay at is meant when it is typed.
main.addEventListener("input", (event) => {
  const stay = document.getElementById("end-stay");
  if (stay && event.target.id === "to" && event.target.value) stay.checked = true;
});
wake();
