// From a cart to an order: where to, what it costs, which card.

import { config } from "/js/config.js";
import { Problem, get, post } from "/js/api.js";
import { go } from "/js/app.js";
import { cart } from "/js/cart.js";
import { fill, h } from "/js/dom.js";
import { addressFields, addressOf, field, form, values } from "/js/forms.js";
import { coupon } from "/js/pages/cart.js";
import { session } from "/js/session.js";
import { sum } from "/js/sums.js";
import { LANGUAGES, language, money } from "/js/words.js";

const CARDS = [
  ["4242424242424242", "is good"],
  ["4000000000000002", "is declined"],
  ["4000000000009995", "has no money left"],
];
let token = null; // of a card for an amount: kept, so that the same order is sent with the same one
let agreed = null; // the total that the shop named, where it is not the one that we expected
let quote = null; // the delivery's price for a country and these lines, as the shop signed it

export async function show({ main, signal }) {
  fill(main, h("div", { class: "wide page" }, h("h1", {}, "Checkout"), h("p", { class: "quiet" }, "Looking …")));
  const [saved] = await Promise.all([savedAddress(signal), cart.load()]);
  if (!cart.count) return go("/cart", { replace: true });
  quote = token = agreed = null;
  const side = h("section", { class: "panel still", "aria-label": "Sum", "aria-live": "polite" });
  const ask = form([contact(), whereTo(saved), card()], "Buy now", buy, { id: "checkout" });
  ask.addEventListener("change", (event) => event.target.name?.startsWith("address.") && price(ask, side));
  fill(main, h("div", { class: "wide page" }, h("h1", {}, "Checkout"), h("div", { class: "two" }, ask, side)));
  draw(side);
  if (saved) await price(ask, side);
}

async function savedAddress(signal) {
  if (!session.isLoggedIn) return null;
  const { results } = await get("/users/me/addresses", { signal });
  return (results.find((each) => each.is_default_shipping) ?? results[0])?.address;
}

function contact() {
  if (session.isLoggedIn) return null;
  return h(
    "fieldset",
    { class: "panel" },
    h("legend", { class: "hidden" }, "You"),
    h("h2", {}, "You"),
    field("email", "E-mail", { type: "email", maxlength: 254, autocomplete: "email", hint: "Where the link to your order goes." }),
    h("p", { class: "small" }, h("a", { href: "/login?next=/checkout" }, "Log in"), " if you have an account; you need none."),
  );
}

const whereTo = (saved) =>
  h(
    "fieldset",
    { class: "panel" },
    h("legend", { class: "hidden" }, "Where to"),
    h("h2", {}, "Where to"),
    addressFields(saved ?? { country: cart.country }),
    field("locale", "Language", { choices: LANGUAGES, value: language(), hint: "Of our mails and the invoice." }),
  );

function card() {
  const take = (number) => () => {
    document.getElementById("field-card").value = number.replace(/(.{4})(?!$)/g, "$1 ");
  };
  const samples = CARDS.map(([number, what]) =>
    h(
      "li",
      { class: "small" },
      h("button", { class: "plain", type: "button", onclick: take(number) }, number.replace(/(.{4})(?!$)/g, "$1 ")),
      h("span", { class: "quiet" }, what),
    ),
  );
  return h(
    "fieldset",
    { class: "panel" },
    h("legend", { class: "hidden" }, "Card"),
    h("h2", {}, "Card"),
    field("card", "Card number", {
      inputmode: "numeric",
      autocomplete: "cc-number",
      maxlength: 23,
      pattern: "[0-9 ]{12,23}",
      hint: "It goes straight to the payment provider; the shop never sees it.",
    }),
    h("p", { class: "quiet small" }, "The provider is simulated. Numbers to try:"),
    h("ul", { class: "cards" }, samples),
  );
}

/** Ask what the delivery costs, once the address could be one. */
async function price(ask, side) {
  const address = addressOf(values(ask));
  if (!address.country) return;
  if (address.country !== cart.country) await cart.sendTo(address.country);
  const complete = ["name", "street_address", "city", "phone_number"].every((name) => address[name]);
  agreed = null;
  if (complete) await quoted(address).catch(() => (quote = null)); // whoever buys will be told
  draw(side);
}

async function quoted(address) {
  const lines = cart.current.lines.map(({ product_id, quantity }) => ({ product_id, quantity }));
  const of = JSON.stringify([address.country, lines]);
  if (quote?.of !== of || new Date(quote.expires_at) - Date.now() < 60_000) {
    quote = { of, ...(await post("/delivery/quotes", { lines, address })) };
  }
  return quote;
}

function draw(side) {
  const act = async (what) => {
    agreed = null;
    await what().catch((problem) => (draw.problem = problem));
    draw(side);
  };
  fill(
    side,
    h("h2", {}, "Your order"),
    h(
      "ul",
      { class: "lines" },
      cart.current.lines.map((line) =>
        h(
          "li",
          { class: "row" },
          h("span", {}, `${line.quantity} × ${line.name}`),
          h("span", { class: "end" }, line.price ? money(line.price) : "–"),
        ),
      ),
    ),
    draw.problem && h("p", { class: "notice bad", role: "alert" }, draw.problem.message),
    coupon(act),
    sum(cart.current, quote ? quote.price : null, total()),
  );
  draw.problem = null;
}

const total = () => agreed ?? { ...cart.current.total, amount: cart.current.total.amount + (quote?.price.amount ?? 0) };

async function buy(held, ask) {
  const address = addressOf(held);
  if (address.country !== cart.country) await cart.sendTo(address.country);
  await quoted(address);
  draw(ask.nextElementSibling);
  const expected = total();
  try {
    const order = await cart.order({
      address,
      delivery_quote: quote.quote,
      payment_token: await authorised(held.card, expected),
      expected_total: expected,
      locale: held.locale,
      ...(session.isLoggedIn ? {} : { email: held.email }),
    });
    if (order.guest_link) sessionStorage.setItem(`order ${order.id}`, order.guest_link.token);
    go(`/orders/${order.id}`);
  } catch (problem) {
    if (problem.status >= 400 && problem.status < 500) token = null;
    await cart.load();
    agreed = problem.code === "total_changed" ? problem.total : null;
    draw(ask.nextElementSibling);
    if (agreed && agreed.amount < expected.amount) return buy(held, ask); // nobody minds
    throw agreed ? new Problem(409, { detail: `It comes to ${money(agreed)} now. Press again if that is right.` }) : problem;
  }
}

async function authorised(number, wanted) {
  const of = JSON.stringify([number, wanted]);
  if (token?.of !== of) token = { of, text: await preauthorise(number, wanted) };
  return token.text;
}

/** Let the provider take the card, straight from here; the shop gets a token for it. */
async function preauthorise(number, { amount, currency }) {
  const response = await fetch(`${config.payment}/preauth`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ cardNumber: number.replaceAll(" ", ""), amount, currency }),
  }).catch(() => null);
  const body = await response?.json().catch(() => null);
  if (response?.ok) return body.paymentToken;
  const detail = body?.message ?? "The payment provider does not answer. Nothing was charged.";
  throw new Problem(response?.status ?? 0, { errors: response?.status === 400 ? [{ field: "card", detail }] : [], detail });
}
