// One order: how far it is, as it happens; what it holds; its invoice.

import { get, pause, post, request } from "/js/api.js";
import { go } from "/js/app.js";
import { cart } from "/js/cart.js";
import { fill, h, refusal, say } from "/js/dom.js";
import { session } from "/js/session.js";
import { follow } from "/js/stream.js";
import { sum } from "/js/sums.js";
import { EVENTS, REASONS, STATES, money, time } from "/js/words.js";

const STEPS = ["PLACED", "CONFIRMED", "PACKAGED", "SHIPPED", "FULFILLED"];
const CANCELLABLE = ["PLACED", "CONFIRMED"];

/** As whom an order is asked for: a guest's link lies here as long as the tab. */
function as(id) {
  const token = sessionStorage.getItem(`order ${id}`);
  return token ? { headers: { "Order-Token": token }, anonymous: true } : {};
}

export async function show({ main, match, signal }) {
  const id = match[1];
  if (!session.isLoggedIn && !as(id).headers) {
    fill(
      main,
      h(
        "div",
        { class: "wide page" },
        h("h1", {}, "Whose order is it?"),
        h("p", {}, h("a", { href: `/login?next=/orders/${id}` }, "Log in"), ", or open the link that you were given for it."),
        h("p", {}, h("a", { href: "/lost-link" }, "Lost the link?")),
      ),
    );
    return;
  }
  fill(main, h("div", { class: "wide page" }, h("h1", {}, "Your order"), h("p", { class: "quiet" }, "Looking …")));
  const order = await get(`/orders/${id}`, { signal, ...as(id) });
  const parts = {
    progress: h("div"),
    acts: h("div"),
    facts: h("div"),
    timeline: h("ol", { class: "timeline", "aria-live": "polite", "aria-relevant": "additions", id: "timeline" }),
  };
  fill(
    main,
    h(
      "div",
      { class: "wide page" },
      h("h1", {}, `Order ${order.number}`),
      parts.progress,
      h(
        "div",
        { class: "two" },
        h("section", { class: "panel" }, h("h2", {}, "What happened"), parts.timeline),
        h("div", {}, parts.acts, parts.facts),
      ),
    ),
  );
  const draw = async () => drawOrder(parts, await get(`/orders/${id}`, { signal, ...as(id) }), signal);
  drawOrder(parts, order, signal);
  const hear = (event, entry) => {
    parts.timeline.append(
      h("li", {}, h("span", {}, EVENTS[event] ?? event), h("time", { class: "quiet small", datetime: entry.at }, time(entry.at))),
    );
    draw().catch(() => {});
  };
  follow(`/orders/${id}/stream`, { ...as(id), signal, hear });
}

function drawOrder(parts, order, signal) {
  fill(parts.progress, progress(order));
  fill(parts.facts, facts(order));
  fill(parts.acts, acts(parts, order, signal));
}

function progress(order) {
  const reached = STEPS.indexOf(order.state);
  if (reached < 0) {
    const reason = REASONS[order.cancellation?.reason] ?? "Nothing was charged.";
    const kind = order.state === "CANCELLING" ? "notice" : "notice bad";
    return h(
      "div",
      { class: kind, role: "alert", id: "state" },
      h("p", {}, h("strong", {}, STATES[order.state]), ". ", order.state === "CANCELLING" ? "We are stopping it." : reason),
      order.state === "CANCELLED" && again(order),
    );
  }
  const steps = STEPS.map((state, index) =>
    h("li", { class: index <= reached && "done", "aria-current": index === reached && "step" }, STATES[state]),
  );
  return h("ol", { class: "steps", "aria-label": `It is: ${STATES[order.state]}`, id: "state", "data-state": order.state }, steps);
}

/** Put it all in the cart once more: by one call for customers; a guest does it thing by thing. */
function again(order) {
  const failed = h("div");
  const fillCart = async () => {
    try {
      if (as(order.id).headers) for (const line of order.lines) await cart.add(line.product_id, line.ordered_quantity);
      else await post(`/orders/${order.id}/reorder`);
      await go("/cart");
    } catch (problem) {
      fill(failed, refusal(problem));
    }
  };
  return h("div", {}, h("button", { type: "button", id: "again", onclick: fillCart }, "Put it in the cart again"), failed);
}

function facts(order) {
  const { address } = order;
  const place = address && [
    address.name,
    address.company_name,
    address.street_address,
    `${address.post_code} ${address.city}`.trim(),
    address.state,
    address.country,
  ];
  return h(
    "section",
    { class: "panel" },
    h("h2", {}, "What is in it"),
    h(
      "ul",
      { class: "lines" },
      order.lines.map((line) =>
        h(
          "li",
          { class: "row" },
          h(
            "span",
            {},
            `${line.quantity} × ${line.name}`,
            line.quantity < line.ordered_quantity && h("span", { class: "quiet small" }, ` of ${line.ordered_quantity}`),
          ),
          h("span", { class: "end" }, money({ ...line.unit_price, amount: line.unit_price.amount * line.quantity })),
        ),
      ),
    ),
    sum(order, order.delivery_price, order.total),
    place && [
      h("h3", {}, "Where to"),
      h(
        "address",
        {},
        place.filter(Boolean).map((part) => [part, h("br")]),
      ),
    ],
    order.tracking_number && h("p", { class: "quiet small" }, `Tracking number ${order.tracking_number}`),
  );
}

function acts(parts, order, signal) {
  const failed = h("div");
  const cancel = async (event) => {
    event.target.disabled = true;
    try {
      drawOrder(parts, await post(`/orders/${order.id}/cancel`, undefined, as(order.id)), signal);
      say("We were asked to cancel it.");
    } catch (problem) {
      fill(failed, refusal(problem));
    }
    event.target.disabled = false;
  };
  const canCancel = CANCELLABLE.includes(order.state) && !order.cancellation?.requested_at;
  return [
    canCancel && h("p", {}, h("button", { type: "button", onclick: cancel }, "Cancel this order")),
    order.state === "FULFILLED" && invoice(order, failed, signal),
    failed,
  ];
}

/** A button for the invoice, as soon as there is one. */
function invoice(order, failed, signal) {
  const place = h("p", { class: "quiet" }, "The invoice is being written …");
  const look = async () => {
    for (let wait = 0.5; !signal.aborted && wait < 60; wait *= 1.5) {
      const { results } = await get(`/invoices?order=${order.id}`, { signal, ...as(order.id) });
      if (results[0]?.pdf) {
        const take = () => download(results[0], as(order.id)).catch((problem) => fill(failed, refusal(problem)));
        place.replaceWith(
          h("p", {}, h("button", { class: "primary", type: "button", id: "invoice", onclick: take }, `Invoice ${results[0].number} (PDF)`)),
        );
        return;
      }
      await pause(wait);
    }
  };
  look().catch(() => place.remove());
  return place;
}

async function download({ pdf, number }, caller) {
  const { response } = await request("GET", pdf, { ...caller, raw: true });
  const url = URL.createObjectURL(await response.blob());
  h("a", { href: url, download: `${number}.pdf` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
