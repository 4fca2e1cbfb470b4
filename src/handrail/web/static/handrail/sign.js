// Asks the person's passkey to sign what a form decides, and sends the signature with it. Without this script such a
// form shows no button: nothing weaker stands in for a passkey.

const FIELDS = ["nonce", "credential", "authenticator_data", "client_data", "signature"];

function bytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (one) => one.charCodeAt(0));
}

function text(buffer) {
  const plain = btoa(String.fromCharCode(...new Uint8Array(buffer)));
  return plain.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function say(form, message) {
  const fault = form.querySelector("[data-sign-fault]");
  fault.textContent = message;
  fault.hidden = message === "";
}

async function begin(form) {
  const sent = { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { Accept: "application/json" } };
  const answer = await fetch(form.dataset.sign, sent);
  if (!answer.headers.get("content-type")?.startsWith("application/json")) {
    throw new Error("Nothing could be signed. Reload the page, then try again.");
  }
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.message);
  return said;
}

async function sign(form) {
  const asked = await begin(form);
  const found = await navigator.credentials.get({
    publicKey: {
      challenge: bytes(asked.challenge),
      rpId: asked.rp_id,
      allowCredentials: asked.credentials.map((id) => ({ type: "public-key", id: bytes(id) })),
      userVerification: "required",
    },
  });
  const { authenticatorData, clientDataJSON, signature } = found.response;
  const values = [asked.nonce, found.id, text(authenticatorData), text(clientDataJSON), text(signature)];
  FIELDS.forEach((name, at) => {
    form.elements[name].value = values[at];
  });
}

function show(root) {
  for (const form of root.querySelectorAll("[data-sign]")) {
    for (const part of form.querySelectorAll("[data-sign-with-script]")) part.hidden = false;
    for (const part of form.querySelectorAll("[data-sign-without-script]")) part.hidden = true;
    if (!window.PublicKeyCredential) say(form, "This browser has no passkeys. Use another one.");
  }
}

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("[data-sign]");
  if (form === null || form.elements.signature.value !== "") return;
  event.preventDefault();
  const button = form.querySelector("button[type=submit]");
  button.disabled = true;
  say(form, "");
  try {
    await sign(form);
    form.submit();
  } catch (error) {
    const cancelled = error instanceof DOMException;
    say(form, cancelled ? "Your passkey did not sign: it was cancelled, or took too long. Try again." : error.message);
    button.disabled = false;
  }
});

// A browser that comes back to the page may bring a signature along that was sent: each counts once.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("[data-sign]")) {
    for (const name of FIELDS) form.elements[name].value = "";
    form.querySelector("button[type=submit]").disabled = false;
  }
});

show(document);
document.addEventListener("htmx:load", (event) => show(event.target));
