// What a cart or an order comes to.

import { h } from "/js/dom.js";
import { money } from "/js/words.js";

/** Rows of a sum: goods, discounts, delivery, taxes, total; those that there are. */
export function sum({ subtotal, discounts = [], tax_lines = [], prices_include_tax }, delivery, total) {
  const row = (name, value, kind) => h("div", { class: kind }, h("dt", {}, name), h("dd", {}, value));
  const less = (each) => `−${money(each.amount)}`;
  const taxes = tax_lines.map((each) =>
    row(`${prices_include_tax ? "of that " : ""}${each.name} ${each.rate_percent} %`, money(each.amount), "quiet small"),
  );
  return h(
    "dl",
    { class: "sum" },
    subtotal && row("Goods", money(subtotal)),
    discounts.map((each) => row(`Coupon ${each.code}`, less(each))),
    delivery !== undefined && row("Delivery", delivery ? (delivery.amount ? money(delivery) : "Free") : "once we know where to"),
    !prices_include_tax && taxes,
    row("Total", money(total), "total"),
    prices_include_tax && taxes,
  );
}
