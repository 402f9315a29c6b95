// Everything works without this file. It starts the NHS.UK components and tells when the session is about to end.
import { initAll } from "../nhsuk/nhsuk-frontend.min.js";

initAll();

const WARN_SECONDS = 120;
const idle = document.querySelector("[data-idle-seconds]");
if (idle) {
  const seconds = Number(idle.dataset.idleSeconds);
  const shownAt = Date.now();
  const timer = setInterval(() => {
    const left = seconds - (Date.now() - shownAt) / 1000;
    if (left > WARN_SECONDS) return;
    clearInterval(timer);
    const warning = document.createElement("p");
    warning.className = "sw-idle";
    warning.setAttribute("role", "alert");
    warning.textContent = `${idle.textContent} Open or save a page to stay signed in.`;
    document.querySelector("main").prepend(warning);
  }, 5000);
}
