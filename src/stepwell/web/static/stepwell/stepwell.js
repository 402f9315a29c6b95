// Everything works without this file. It starts the NHS.UK components and tells when the session is about to end.
import { initAll } from "../nhsuk/nhsuk-frontend.min.js";

initAll();

const WARN_SECONDS = 120;
const idle = document.querySelector("[data-idle-seconds]");
if (idle) {
  const seconds = Number(idle.dataset.idleSeconds);
  const shownAt = Date.now();
  // There from the beginning and empty, so that a screen reader tells it when it is filled, after what it is reading.
  const warning = document.createElement("div");
  warning.setAttribute("role", "status");
  document.querySelector("main").prepend(warning);
  const timer = setInterval(() => {
    const left = seconds - (Date.now() - shownAt) / 1000;
    if (left > WARN_SECONDS) return;
    clearInterval(timer);
    warning.className = "sw-idle";
    warning.textContent = `${idle.textContent} Open or save a page to stay signed in.`;
  }, 5000);
}
