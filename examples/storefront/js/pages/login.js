// Logging in, opening an account, asking for a new password.

import { post } from "/js/api.js";
import { go } from "/js/app.js";
import { cart } from "/js/cart.js";
import { fill, h, say } from "/js/dom.js";
import { field, form } from "/js/forms.js";
import { session } from "/js/session.js";

const EMAIL = { type: "email", maxlength: 254, autocomplete: "email" };

export function show({ main, url, match }) {
  const next = url.searchParams.get("next") ?? "/account";
  const isNew = match[1] === "register";
  const other = `/${isNew ? "login" : "register"}?next=${encodeURIComponent(next)}`;
  fill(
    main,
    h(
      "div",
      { class: "wide page narrow" },
      h("h1", {}, isNew ? "Open an account" : "Log in"),
      h("div", { class: "panel" }, isNew ? registration(next) : login(next)),
      h("p", {}, isNew ? "You have one? " : "You are new here? ", h("a", { href: other }, isNew ? "Log in" : "Open an account"), "."),
      !isNew && forgotten(),
      !isNew && h("p", {}, "You ordered without an account? ", h("a", { href: "/lost-link" }, "Lost your order’s link?")),
    ),
  );
}

function login(next) {
  const fields = [
    field("email", "E-mail", EMAIL),
    field("password", "Password", { type: "password", maxlength: 128, autocomplete: "current-password" }),
  ];
  return form(fields, "Log in", ({ email, password }) => enter(email, password, next));
}

function registration(next) {
  const hint = "At least eight characters, not only digits, and nothing that everyone uses.";
  const fields = [
    field("name", "Name", { autocomplete: "name" }),
    field("email", "E-mail", EMAIL),
    field("password", "Password", { type: "password", minlength: 8, maxlength: 128, autocomplete: "new-password", hint }),
  ];
  return form(fields, "Open an account", async (asked) => {
    await post("/users", asked, { anonymous: true });
    await enter(asked.email, asked.password, next);
    say("Welcome. We sent you a mail: its link confirms your address.");
  });
}

/** Log in, bring the guest's cart along, and go on to a page of this shop. */
async function enter(email, password, next) {
  session.begin(await post("/auth/token", { email, password }, { anonymous: true }));
  const isKept = await cart.merge().then(
    () => true,
    () => false,
  );
  const target = new URL(next, location.origin);
  await go(target.origin === location.origin ? target.pathname + target.search : "/account", { replace: true });
  if (!isKept) say("What was in your cart could not be brought along.");
}

function forgotten() {
  const ask = form([field("email", "E-mail", { ...EMAIL, id: "field-forgotten" })], "Send me a link", async ({ email }) => {
    await post("/auth/password-reset", { email }, { anonymous: true });
    fill(
      place,
      h(
        "p",
        { class: "notice good", role: "status" },
        "If this address has an account, a link is on its way to it. It is good for an hour.",
      ),
    );
  });
  const place = h("div", {}, ask);
  return h("details", {}, h("summary", {}, "Forgot your password?"), place);
}
