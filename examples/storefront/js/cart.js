// The cart: it lies in the shop, and is priced there each time it is read.

import { post, request } from "/js/api.js";
import { session } from "/js/session.js";

const KEY = "cart"; // a guest's token: the cart is still there tomorrow
const guestToken = () => localStorage.getItem(KEY);
const headers = () => (guestToken() && !session.isLoggedIn ? { "Cart-Token": guestToken() } : {});
let tag = null; // of the answer that is at hand

export const cart = {
  current: null,
  country: sessionStorage.getItem("country") ?? "", // whose taxes are shown

  get count() {
    return (this.current?.lines ?? []).reduce((sum, line) => sum + line.quantity, 0);
  },

  /** Read the cart anew; null if there is none yet. */
  async load() {
    if (!session.isLoggedIn && !guestToken()) return keep(null);
    try {
      return await ask("GET", "");
    } catch (problem) {
      if (problem.status !== 401) throw problem;
      if (!session.isLoggedIn) localStorage.removeItem(KEY); // it names no cart any more
      return keep(null);
    }
  },

  /** Prefer the prices with the taxes of this country. */
  async sendTo(country) {
    this.country = country;
    sessionStorage.setItem("country", country);
    return this.load();
  },

  async add(productId, quantity) {
    if (!this.current) await open();
    const there = this.current.lines.find((line) => line.product_id === productId);
    return this.set(productId, (there?.quantity ?? 0) + quantity);
  },

  set: (productId, quantity) => ask("PUT", `/lines/${productId}`, { body: { quantity } }),
  drop: (productId) => ask("DELETE", `/lines/${productId}`),
  useCoupon: (code) => (code ? ask("PUT", "/coupon", { body: { code } }) : ask("DELETE", "/coupon")),

  /** Say that the changes at hand were shown: by its ETag the shop knows, and tells them no more. */
  noteShown() {
    if (!this.current?.changes.length) return;
    request("GET", address(""), { headers: { ...headers(), "If-None-Match": tag }, cache: "no-store" }).catch(() => {});
  },

  /** Turn the cart into an order, once. */
  async order(body) {
    const order = await post("/cart/order", body, { headers: headers() });
    localStorage.removeItem(KEY);
    keep(null);
    return order;
  },

  /** After a login: bring along what lay in the guest's cart. */
  async merge() {
    if (guestToken()) {
      await post("/cart/merge", undefined, { headers: { "Cart-Token": guestToken() } });
      localStorage.removeItem(KEY);
    }
    return this.load();
  },
};

const address = (path) => `/cart${path}${cart.country ? `?country=${cart.country}` : ""}`;

async function ask(method, path, options) {
  // The browser's own cache would confirm what nobody was shown: see noteShown.
  const answer = await request(method, address(path), { ...options, headers: headers(), cache: "no-store" });
  tag = answer.headers.get("ETag");
  return keep(answer.body);
}

async function open() {
  if (await cart.load()) return;
  const made = await post("/cart");
  if (made.token) localStorage.setItem(KEY, made.token);
  keep(made);
}

function keep(found) {
  cart.current = found;
  document.dispatchEvent(new Event("cart"));
  return found;
}
