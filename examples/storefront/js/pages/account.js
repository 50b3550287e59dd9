// The customer's own page: orders, addresses, and what becomes of the data.

import { get, pause, post, remove, request } from "/js/api.js";
import { go } from "/js/app.js";
import { cart } from "/js/cart.js";
import { fill, h, put, refusal, say } from "/js/dom.js";
import { addressFields, addressOf, field, form } from "/js/forms.js";
import { session } from "/js/session.js";
import { STATES, day, money } from "/js/words.js";

export async function show({ main, signal, isSame }) {
  if (!session.isLoggedIn) return go("/login", { replace: true });
  if (!isSame) fill(main, h("div", { class: "wide page" }, h("h1", {}, "Your account"), h("p", { class: "quiet" }, "Looking …")));
  const [me, orders, addresses] = await Promise.all([
    request("GET", "/users/me", { signal }),
    get("/orders?limit=10", { signal }),
    get("/users/me/addresses", { signal }),
  ]).catch((problem) => {
    if (problem.status === 401) return [null];
    throw problem;
  });
  if (!me) return go("/login", { replace: true });
  fill(
    main,
    h(
      "div",
      { class: "wide page" },
      h("h1", {}, `Hello, ${me.body.name}`),
      !me.body.is_email_verified && unverified(me.body.email),
      h("div", { class: "two" }, h("div", {}, ordersOf(orders), addressesOf(addresses.results)), h("div", {}, leaving(), data(me))),
    ),
  );
}

const section = (title, ...children) => h("section", { class: "panel" }, h("h2", {}, title), ...children);

/** A button that does something, and says what came of it or what went wrong. */
function act(label, what, kind = "") {
  const failed = h("div");
  const button = h("button", { class: kind, type: "button", onclick }, label);
  async function onclick() {
    button.disabled = true;
    fill(failed);
    try {
      await what();
    } catch (problem) {
      fill(failed, refusal(problem));
    }
    button.disabled = false;
  }
  return h("div", {}, button, failed);
}

function unverified(email) {
  const resend = async () => {
    await post("/auth/verify-email/resend");
    say("The mail is on its way.");
  };
  return h(
    "div",
    { class: "notice" },
    h("p", {}, `${email} is not confirmed yet: open the link that we mailed you.`),
    act("Send it again", resend),
  );
}

function ordersOf(first) {
  const list = h("ul", { class: "lines", id: "orders" });
  const row = (order) =>
    h(
      "li",
      { class: "row" },
      h("a", { href: `/orders/${order.id}` }, order.number),
      h("span", { class: "tag" }, STATES[order.state]),
      h("span", { class: "quiet small" }, day(order.placed_at)),
      h("span", { class: "end" }, money(order.total)),
    );
  const place = h("div");
  const add = (page) => {
    put(list, page.results.map(row));
    fill(place, page.next && act("Show more", async () => add(await get(page.next)), "plain"));
  };
  add(first);
  return section("Orders", first.results.length ? list : h("p", { class: "quiet" }, "You have not ordered anything yet."), place);
}

const again = () => go("/account", { replace: true, quietly: true });

function addressesOf(addresses) {
  const drop = (each) => async () => {
    await remove(`/users/me/addresses/${each.id}`, { headers: { "If-Match": `"v${each.version}"` } });
    await again();
  };
  const row = (each) =>
    h(
      "li",
      { class: "row" },
      h(
        "span",
        {},
        each.label && h("strong", {}, `${each.label}: `),
        [each.address.name, each.address.street_address, each.address.city, each.address.country].join(", "),
      ),
      each.is_default_shipping && h("span", { class: "tag" }, "Default"),
      h("div", { class: "end" }, act("Remove", drop(each), "plain")),
    );
  const keep = async (held) => {
    await post("/users/me/addresses", { address: addressOf(held), label: held.label, is_default_shipping: "is_default" in held });
    await again();
    say("The address is kept.");
  };
  const fields = [
    addressFields(),
    field("label", "What you call it", { optional: true, maxlength: 50 }),
    h("label", { class: "box" }, h("input", { type: "checkbox", name: "is_default" }), h("span", {}, "Send things here")),
  ];
  return section(
    "Addresses",
    addresses.length > 0 && h("ul", { class: "lines" }, addresses.map(row)),
    h("details", {}, h("summary", {}, "Add an address"), form(fields, "Keep it", keep)),
  );
}

function leaving() {
  const end = async () => {
    await post("/auth/logout", { refresh: session.end() }, { anonymous: true });
    await cart.load();
    await go("/");
  };
  const everywhere = async () => {
    await post("/auth/logout-everywhere");
    session.end();
    await cart.load();
    await go("/");
  };
  return section("Logins", h("div", { class: "row" }, act("Log out", end), act("Log out everywhere", everywhere, "plain")));
}

function data({ body, headers }) {
  const take = async () => {
    const { id } = await post("/users/me/exports");
    for (let wait = 0.5; wait < 60; wait *= 1.5) {
      const found = await get(`/users/me/exports/${id}`);
      if (found.state === "complete") return save(found.data);
      await pause(wait);
    }
    say("It takes longer than usual: come again later.");
  };
  const erase = async ({ email }, element) => {
    if (email.toLowerCase() !== body.email) {
      element.querySelector(".wrong").textContent = `Write ${body.email} to confirm it.`;
      return;
    }
    await remove("/users/me", { headers: { "If-Match": headers.get("ETag") } });
    session.end();
    await cart.load();
    await go("/");
    say("Your account is erased.");
  };
  return section(
    "Your data",
    act("Download all that we hold", take),
    h(
      "details",
      {},
      h("summary", {}, "Erase my account"),
      h("p", {}, "For good. Orders under way go on; invoices stay as the law wants them."),
      form([field("email", "Your e-mail address, to confirm it", { type: "email", id: "field-erase" })], "Erase everything", erase, {
        danger: true,
      }),
    ),
  );
}

function save(found) {
  const url = URL.createObjectURL(new Blob([JSON.stringify(found, null, 2)], { type: "application/json" }));
  h("a", { href: url, download: "my-data.json" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
