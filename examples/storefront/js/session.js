// Who is logged in.
//
// The access token lives five minutes, and only in memory: no script of another tab and nothing on
// the disk has it. The refresh token must outlive a reload, so it lies in sessionStorage: it ends
// with the tab, unlike localStorage, and needs no cookie, so no other site can use it (CSRF). What
// a script injected here could do with it, the strict Content-Security-Policy is there to prevent.
// A refresh token is good once: one that is used again ends the login everywhere.

import { config } from "/js/config.js";

const KEY = "refresh";
let tokens = null;
let renewing = null;

export const session = {
  get isLoggedIn() {
    return Boolean(tokens || sessionStorage.getItem(KEY));
  },

  /** Keep the tokens of a login. */
  begin({ access, refresh, expires_in }) {
    tokens = { access, until: Date.now() + 1000 * (expires_in - 20) };
    sessionStorage.setItem(KEY, refresh);
    document.dispatchEvent(new Event("session"));
  },

  /** Forget the tokens here; return the refresh token, to be taken back there. */
  end() {
    const refresh = sessionStorage.getItem(KEY);
    tokens = null;
    sessionStorage.removeItem(KEY);
    document.dispatchEvent(new Event("session"));
    return refresh;
  },

  /** Return an access token that is good for a while; null for a guest. */
  async access() {
    if (!this.isLoggedIn) return null;
    if (!tokens || tokens.until < Date.now()) await this.renew(tokens?.access);
    return tokens?.access ?? null;
  },

  /** Take new tokens, once for all who wait; say whether there are any. */
  async renew(old) {
    if (tokens && tokens.access !== old) return true;
    renewing ??= takeNext().finally(() => (renewing = null));
    await renewing;
    return Boolean(tokens);
  },
};

async function takeNext() {
  const response = await fetch(`${config.api}/auth/token/refresh`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Idempotency-Key": crypto.randomUUID() },
    body: JSON.stringify({ refresh: sessionStorage.getItem(KEY) ?? "" }),
  });
  if (response.ok) session.begin(await response.json());
  else if (response.status < 500) session.end();
}
