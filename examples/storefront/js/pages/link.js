// `/order#token=…`: a guest's link to an order, as it stands in a mail.

import { Problem } from "/js/api.js";
import { go } from "/js/app.js";

/** Keep the token for this tab, take it out of the address, and show the order that it names. */
export function show({ url }) {
  const token = new URLSearchParams(url.hash.slice(1)).get("token") ?? "";
  const order = orderOf(token);
  if (!order) throw new Problem(0, { detail: "This link is not complete." });
  sessionStorage.setItem(`order ${order}`, token);
  return go(`/orders/${order}`, { replace: true });
}

/** The order that the token was signed for; whether it is genuine is for the API to say. */
function orderOf(token) {
  try {
    const text = atob(token.split(":")[0].replaceAll("-", "+").replaceAll("_", "/"));
    return JSON.parse(text).value.order;
  } catch {
    return null;
  }
}
