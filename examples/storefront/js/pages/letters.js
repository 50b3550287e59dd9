// Where the links in mails lead: `/verify-email#token=…` and `/reset-password#token=…`.

import { post } from "/js/api.js";
import { fill, h, refusal } from "/js/dom.js";
import { field, form } from "/js/forms.js";
import { session } from "/js/session.js";

export async function show({ main, url, match }) {
  const token = new URLSearchParams(url.hash.slice(1)).get("token") ?? "";
  history.replaceState(null, "", url.pathname); // out of the address, and so out of the history
  const page = h("div", { class: "wide page narrow" });
  fill(main, page);
  if (match[1] === "verify-email") await verify(page, token);
  else reset(page, token);
}

async function verify(page, token) {
  const title = h("h1", {}, "Your e-mail address");
  fill(page, title, h("p", { class: "quiet" }, "A moment …"));
  try {
    await post("/auth/verify-email", { token }, { anonymous: true });
    fill(
      page,
      title,
      h("p", { class: "notice good", role: "status" }, "It is confirmed. Thank you."),
      h("p", {}, h("a", { href: "/account" }, "To your account")),
    );
  } catch (problem) {
    fill(page, title, refusal(problem), h("p", {}, "Your ", h("a", { href: "/account" }, "account"), " can send you another link."));
  }
}

function reset(page, token) {
  const done = () =>
    fill(
      page,
      h("h1", {}, "A new password"),
      h(
        "p",
        { class: "notice good", role: "status" },
        "It is set, and every login has ended. ",
        h("a", { href: "/login" }, "Log in"),
        " with it.",
      ),
    );
  const ask = form(
    [field("password", "New password", { type: "password", minlength: 8, maxlength: 128, autocomplete: "new-password" })],
    "Set it",
    async ({ password }) => {
      await post("/auth/password-reset/confirm", { token, password }, { anonymous: true });
      session.end();
      done();
    },
  );
  fill(page, h("h1", {}, "A new password"), h("div", { class: "panel" }, ask));
}
