// Makes and shows passkeys for forms with data-passkey ("create" or "get"). Without this script the forms stay hidden,
// and what stands beside them with data-plain says why.

const SAID = {
  NotAllowedError: "Nothing was confirmed, or it took too long. Try again.",
  InvalidStateError: "This device has a passkey for your account already.",
  NotSupportedError: "This device can’t make such a passkey.",
  SecurityError: "Passkeys don’t work at this address.",
};
const FAILED = "That didn’t work. Reload the page and try again.";

function bytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.codePointAt(0));
}

function text(buffer) {
  const plain = Array.from(new Uint8Array(buffer), (byte) => String.fromCodePoint(byte)).join("");
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

// The options as the server writes them, with bytes where the browser wants bytes.
function options(given) {
  const found = { ...given, challenge: bytes(given.challenge) };
  if (given.user) found.user = { ...given.user, id: bytes(given.user.id) };
  for (const name of ["allowCredentials", "excludeCredentials"]) {
    if (given[name]) found[name] = given[name].map((one) => ({ ...one, id: bytes(one.id) }));
  }
  return found;
}

// What the authenticator gave, as PublicKeyCredential.toJSON() has it: not every browser does.
function answer(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = text(credential.response[name]);
  }
  return JSON.stringify({
    id: credential.id,
    rawId: credential.id,
    type: credential.type,
    response,
    clientExtensionResults: credential.getClientExtensionResults(),
  });
}

async function confirm(form) {
  const token = form.querySelector("[name=csrfmiddlewaretoken]").value;
  const begun = await fetch(form.dataset.begin, { method: "POST", headers: { "X-CSRFToken": token }, redirect: "error" });
  if (!begun.ok) throw new Error(String(begun.status));
  const publicKey = options((await begun.json()).publicKey);
  const made = form.dataset.passkey === "create" ? navigator.credentials.create({ publicKey }) : navigator.credentials.get({ publicKey });
  form.querySelector("[data-credential]").value = answer(await made);
}

for (const plain of document.querySelectorAll("[data-plain]")) plain.hidden = true;

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const refused = form.querySelector("[data-refused]");
  form.hidden = false;
  if (!window.PublicKeyCredential) {
    refused.textContent = "This browser has no passkeys.";
    refused.hidden = false;
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    refused.hidden = true;
    const button = form.querySelector("button[type=submit]");
    button.disabled = true;
    try {
      await confirm(form);
      form.submit();
    } catch (error) {
      refused.textContent = SAID[error.name] ?? FAILED;
      refused.hidden = false;
      button.disabled = false;
    }
  });
}
