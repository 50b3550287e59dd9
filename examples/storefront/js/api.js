// The one way to the API: tokens, idempotency, retries, problems.

import { config } from "/js/config.js";
import { session } from "/js/session.js";

/** What the API answered when it said no, or that it did not answer (`status` 0). */
export class Problem extends Error {
  constructor(status, body, retryAfter) {
    super(body.detail ?? body.message ?? "The shop does not answer. Are you online?");
    Object.assign(this, { errors: [], ...body, status, retryAfter });
  }
}

export const get = (path, options) => call("GET", path, options);
export const post = (path, body, options) => call("POST", path, { body, ...options });
export const put = (path, body, options) => call("PUT", path, { body, ...options });
export const remove = (path, options) => call("DELETE", path, options);

/** Ask the API, as who is logged in, and return the answer's body. */
export async function call(method, path, options = {}) {
  return (await request(method, path, options)).body;
}

/** As `call`, but return `{body, headers, response}`. */
export async function request(method, path, options = {}) {
  const asked = { ...options, key: method === "POST" ? keyOf(path, options.body) : undefined };
  for (let attempt = 0; ; attempt++) {
    try {
      const answer = await once(method, path, asked);
      if (asked.key) keys.delete(asked.key.of);
      return answer;
    } catch (problem) {
      if (problem.name === "AbortError") throw problem;
      const known = problem instanceof Problem ? problem : new Problem(0, {});
      const isBusy = known.status === 429 && known.retryAfter <= 3;
      const mayPass = isBusy || [0, 503].includes(known.status) || known.code === "request_in_progress";
      if (asked.key && !mayPass) keys.delete(asked.key.of);
      if (!mayPass || attempt === 2) throw known;
      await pause(Math.min(known.retryAfter ?? 2 ** attempt / 2, 10));
    }
  }
}

// A POST keeps its key until it has an answer, be it that somebody presses the button again: the
// same wish has one effect.
const keys = new Map();

function keyOf(path, body) {
  const of = `${path} ${JSON.stringify(body)}`;
  if (!keys.has(of)) keys.set(of, crypto.randomUUID());
  return { of, value: keys.get(of) };
}

async function once(method, path, { body, key, headers = {}, signal, cache, anonymous, raw }) {
  const access = anonymous ? null : await session.access();
  const response = await fetch(path.startsWith("http") ? path : config.api + path, {
    method,
    signal,
    cache,
    body: body === undefined ? undefined : JSON.stringify(body),
    headers: {
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      ...(key ? { "Idempotency-Key": key.value } : {}),
      ...(access ? { Authorization: `Bearer ${access}` } : {}),
      ...headers,
    },
  });
  if (response.status === 401 && access && (await session.renew(access))) {
    return once(method, path, { body, key, headers, signal, cache, raw });
  }
  if (!response.ok && response.status !== 304) throw await problemOf(response);
  const hasBody = !raw && ![204, 304].includes(response.status) && response.headers.get("Content-Type");
  return { response, headers: response.headers, body: hasBody ? await response.json() : null };
}

async function problemOf(response) {
  const body = await response.json().catch(() => ({}));
  return new Problem(response.status, body, Number(response.headers.get("Retry-After")) || undefined);
}

export const pause = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));
