// Keeps what is typed in a letter, and the score beside it, without waiting for a button. The form works without this file.
const form = document.querySelector("form[data-letter]");
const score = document.querySelector("[data-score]");
const told = document.querySelector("[data-saved]");
const PAUSE = 4000;

if (form && score && told) {
  let timer = 0;
  let sending = false;

  const save = async () => {
    if (sending) return;
    sending = true;
    try {
      const answer = await fetch(form.action || location.pathname, {
        method: "POST", body: new FormData(form), credentials: "same-origin", redirect: "manual",
        headers: { "X-Stepwell-Draft": "1" },
      });
      if (answer.ok && (answer.headers.get("Content-Type") || "").startsWith("application/json")) {
        const saved = await answer.json();
        form.querySelector("input[name=seen]").value = saved.seen;
        score.innerHTML = saved.score;
        told.textContent = saved.theirs ? "Kept. Somebody else changed this draft too: save to see it." : "Kept.";
      } else {
        told.textContent = "Not kept yet: use Save to see why.";
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
  form.addEventListener("submit", () => clearTimeout(timer));
}
