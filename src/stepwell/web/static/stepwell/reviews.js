// Keeps what is typed in a review without waiting for a button; Ctrl + Enter; how many characters are left. All forms work without it.
const PAUSE = 4000;
const form = document.querySelector("form[data-review]");
const main = document.querySelector("button[data-main]");
const told = document.querySelector("[data-saved]");

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || !main) return;
  event.preventDefault();
  main.form.requestSubmit(main);
});

for (const box of document.querySelectorAll("textarea[data-longest]")) {
  const left = document.createElement("p");
  left.className = "sw-quiet sw-review__left";
  const longest = Number(box.dataset.longest);
  const always = box.hasAttribute("data-count");
  const show = () => {
    const over = box.value.length - longest;
    left.hidden = !always && over < -60;
    left.textContent = over > 0 ? `${over} characters too long` : `${-over} characters left`;
    left.classList.toggle("sw-review__over", over > 0);
  };
  box.after(left);
  box.addEventListener("input", show);
  show();
}

// A medicine that is going to be reduced is looked at sooner; a day that somebody chose stays.
for (const follow of document.querySelectorAll("[data-reducing]")) {
  const { usual, reducing } = follow.dataset;
  const day = follow.querySelector("input");
  const section = follow.closest(".sw-review__medicine");
  if (!reducing || !day || !section) continue;
  section.addEventListener("change", (event) => {
    if (event.target.type !== "radio" || !event.target.name.endsWith(".decisions")) return;
    if (event.target.value === "taper" && day.value === usual) day.value = reducing;
    else if (event.target.value !== "taper" && day.value === reducing) day.value = usual;
  });
}

if (form && told) {
  let timer = 0;
  let sending = false;
  let leaving = false;

  const save = async () => {
    if (sending || leaving) return;
    sending = true;
    try {
      const answer = await fetch(form.dataset.address || form.action || location.pathname, {
        method: "POST", body: new FormData(form), credentials: "same-origin", redirect: "manual",
        headers: { "X-Stepwell-Draft": "1" },
      });
      if (answer.ok && (answer.headers.get("Content-Type") || "").startsWith("application/json")) {
        const saved = await answer.json();
        form.querySelector("input[name=seen]").value = saved.seen;
        form.action = saved.address;
        told.textContent = "Kept.";
      } else {
        told.textContent = answer.status === 409 ? "Not kept: it was changed elsewhere. Use Save draft to see what." : "Not kept yet: use Save draft to see why.";
      }
    } catch {
      told.textContent = "Not kept: there is no connection. What you typed is still on this page.";
    } finally {
      sending = false;
    }
  };

  form.addEventListener("input", () => {
    clearTimeout(timer);
    told.textContent = "";
    timer = setTimeout(save, PAUSE);
  });
  form.addEventListener("submit", () => { leaving = true; clearTimeout(timer); });
}
