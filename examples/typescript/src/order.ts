/** Drives one order as a storefront would: from an empty account to a confirmed order. */

import createClient from "openapi-fetch";
import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import type { components, paths } from "./schema.ts";

type Address = components["schemas"]["AddressRequest"];
type Money = components["schemas"]["Money"];
type Order = components["schemas"]["Order"];
type Problem = components["schemas"]["Problem"];
type Answer<T> = { data?: T; error?: Problem; response: Response };

const SHOP = process.env["SHOP_URL"] ?? "http://127.0.0.1:8000";
const GATEWAY = process.env["GATEWAY_URL"] ?? "http://127.0.0.1:8001";
const CARD = process.env["CARD"] ?? "4242424242424242";
const PATIENCE = 60_000;

const ADDRESS: Address = {
  name: "Grace Hopper",
  street_address: "Kungsgatan 3",
  post_code: "111 43",
  city: "Stockholm",
  country: "SE",
  phone_number: "+46701234567",
};

const shop = createClient<paths>({ baseUrl: SHOP });

/** Returns what was asked for; a refusal is thrown with its code, which is what to decide by. */
function demand<T>({ data, error, response }: Answer<T>): T {
  if (data === undefined) {
    const fields = (error?.errors ?? []).map(({ field, detail }) => `${field}: ${detail}`);
    const why = [error?.detail, ...fields].join(" ");
    throw new Error(`${response.url}: ${response.status} ${error?.code}: ${why}`);
  }
  return data;
}

/** A key that is new for each thing wanted: who repeats a request repeats its key. */
function once() {
  return { header: { "Idempotency-Key": randomUUID() } };
}

async function openAccount(): Promise<void> {
  const email = `grace.${randomUUID()}@example.com`;
  // Of other letters than the address: a password may not resemble it.
  const password = randomBytes(24).toString("base64url");
  demand(await shop.POST("/api/v1/users", { body: { email, password, name: ADDRESS.name } }));
  const tokens = demand(await shop.POST("/api/v1/auth/token", { body: { email, password } }));
  shop.use({
    onRequest({ request }) {
      request.headers.set("Authorization", `Bearer ${tokens.access}`);
    },
  });
}

async function choose() {
  const query = { available: true, order: "price", limit: 5 } as const;
  const found = demand(await shop.GET("/api/v1/products", { params: { query } }));
  const product = found.results[0];
  if (product === undefined) throw new Error("The shop is sold out.");
  return product;
}

/** Asks the gateway for a token: the shop never sees a card's number. */
async function preauthorise(total: Money): Promise<string> {
  const answer = await fetch(`${GATEWAY}/preauth`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ cardNumber: CARD, ...total }),
  });
  const body = (await answer.json()) as { paymentToken?: string; message?: string };
  if (body.paymentToken === undefined) throw new Error(`The gateway says: ${body.message}`);
  return body.paymentToken;
}

async function place(): Promise<Order> {
  const product = await choose();
  const lines = [{ product_id: product.id, quantity: 1 }];
  const asked = { lines, address: ADDRESS };
  const quote = demand(await shop.POST("/api/v1/delivery/quotes", { body: asked }));
  const total = { ...product.price, amount: product.price.amount + quote.price.amount };
  const body = {
    ...asked,
    delivery_quote: quote.quote,
    payment_token: await preauthorise(total),
    expected_total: total,
  };
  console.log(`${product.name} for ${total.amount / 100} ${total.currency}, delivered`);
  return demand(await shop.POST("/api/v1/orders", { params: once(), body }));
}

/** Waits until the warehouse and the gateway have answered. */
async function follow(order: Order): Promise<Order> {
  const path = { order_id: order.id };
  const until = Date.now() + PATIENCE;
  while (order.state === "PLACED" && Date.now() < until) {
    await sleep(200);
    order = demand(await shop.GET("/api/v1/orders/{order_id}", { params: { path } }));
  }
  return order;
}

await openAccount();
const order = await follow(await place());
console.log(`Order ${order.number} is ${order.state}`);
process.exitCode = order.state === "CONFIRMED" ? 0 : 1;
