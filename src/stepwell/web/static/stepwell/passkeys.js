// Passkeys: the one part of signing in that a browser cannot do without script. Where it cannot, the page says what else works.
// A form with data-passkey="get" or "create" and data-options (where the challenge comes from) sends the browser's answer.
const able = window.PublicKeyCredential && PublicKeyCredential.parseRequestOptionsFromJSON;

async function answer(form) {
  const response = await fetch(form.dataset.options, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error("no challenge");
  const { publicKey } = await response.json();
  if (form.dataset.passkey === "create") {
    return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) });
  }
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) });
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const button = form.querySelector("button");
  const words = form.querySelector("[data-passkey-words]");
  if (!able) {
    words.textContent = "This browser cannot use passkeys here. Use another way.";
    continue;
  }
  words.textContent = "";
  button.disabled = false;
  form.addEventListener("submit", async (event) => {
    if (form.elements.credential.value) return;
    event.preventDefault();
    words.textContent = "Waiting for your passkey.";
    try {
      const credential = await answer(form);
      form.elements.credential.value = JSON.stringify(credential.toJSON());
      form.submit();
    } catch {
      words.textContent = "That did not work, or it was stopped. Try again, or use another way.";
    }
  });
}
