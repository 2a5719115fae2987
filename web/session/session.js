/**
 * Who is signed in. The access token lives in this module's memory; what outlives a reload is a cookie that no script
 * can read and that only refresh and logout are sent.
 *
 * Tabs share one session by a BroadcastChannel: a new tab first asks the others for their token, and a sign-out in one
 * is a sign-out in all. The channel reaches pages of this origin only, and nothing is stored.
 */
import { ask, ExchangeError } from "../api/api.js";
import { createStore } from "../store/store.js";

/**
 * @typedef {{user_id: string, username: string, email: string, account_type: string}} User
 * @typedef {{access_token: string, expires_in: number}} Tokens
 */

const RENEW_AHEAD_MS = 60_000;
const NEIGHBOURS_ANSWER_WITHIN_MS = 120;

export function createSession() {
  const store = createStore({ user: /** @type {User | null} */ (null), ready: false, ended: false });
  /** @type {string | null} */
  let token = null;
  let expiresAt = 0;
  /** @type {Promise<boolean> | null} */
  let renewing = null;
  const tabs = new BroadcastChannel("verdict-session");

  tabs.onmessage = ({ data }) => {
    if (data.kind === "who" && token !== null) tabs.postMessage({ kind: "session", token, expiresAt, user: store.state.user });
    if (data.kind === "session") adopt(data);
    if (data.kind === "ended") forget();
  };

  /** @param {{token: string, expiresAt: number, user: User}} session */
  function adopt(session) {
    token = session.token;
    expiresAt = session.expiresAt;
    store.set({ user: session.user, ready: true, ended: false });
  }

  function forget() {
    const was = token !== null;
    token = null;
    store.set({ user: null, ready: true, ended: was });
  }

  /** @param {Tokens} tokens @param {User} user */
  function begin(tokens, user) {
    adopt({ token: tokens.access_token, expiresAt: Date.now() + tokens.expires_in * 1000, user });
    tabs.postMessage({ kind: "session", token, expiresAt, user });
  }

  /** One at a time, however many requests find the token ended: each renewal uses the cookie up. @returns {Promise<boolean>} */
  function renew() {
    renewing ??= (async () => {
      try {
        const tokens = await ask("POST /auth/refresh", {}, null);
        begin(tokens, await ask("GET /account/profile", {}, tokens.access_token));
        return true;
      } catch (error) {
        const unsettled = error instanceof ExchangeError && (error.unanswered || error.status === 429 || error.status === 503);
        if (!unsettled) forget();
        return false;
      } finally {
        renewing = null;
      }
    })();
    return renewing;
  }

  const neighboursAnswered = new Promise((answered) => {
    const stop = store.read(() => {
      if (store.state.ready) {
        stop();
        answered(true);
      }
    });
    tabs.postMessage({ kind: "who" });
    setTimeout(answered, NEIGHBOURS_ANSWER_WITHIN_MS, false);
  });

  return {
    store,

    /** Take up the session that a reload left, or one of another tab. */
    async resume() {
      if (!(await neighboursAnswered)) await renew();
      if (!store.state.ready) store.set({ ready: true });
    },

    /** The token to send, renewed ahead of its end; null for nobody. @returns {Promise<string | null>} */
    async token() {
      if (token !== null && Date.now() > expiresAt - RENEW_AHEAD_MS) await renew();
      return token;
    },

    /** @param {string} stale the token that was refused; another request may have renewed it since */
    async renew(stale) {
      return token !== null && token !== stale ? true : renew();
    },

    /** @param {string} username @param {string} password */
    async signIn(username, password) {
      const { user, ...tokens } = await ask("POST /auth/login", { username, password, cookie: true }, null);
      begin(tokens, user);
    },

    /** Another password is another session. @param {string} current @param {string} next @param {boolean} revokeKeys */
    async changePassword(current, next, revokeKeys) {
      const members = { current_password: current, new_password: next, revoke_api_keys: revokeKeys, cookie: true };
      begin(await ask("POST /account/password", members, token), /** @type {User} */ (store.state.user));
    },

    async signOut() {
      try {
        await ask("POST /auth/logout", {}, token);
      } finally {
        forget();
        tabs.postMessage({ kind: "ended" });
      }
    },

    /** @param {boolean} revokeKeys */
    async signOutEverywhere(revokeKeys) {
      await ask("POST /account/logout-all", { revoke_api_keys: revokeKeys }, token);
      forget();
      tabs.postMessage({ kind: "ended" });
    },
  };
}

/** @typedef {ReturnType<typeof createSession>} Session */
