/**
 * Who is signed in. The access token lives in this module's memory; what outlives a reload is a cookie that no script
 * can read and that only refresh and logout are sent.
 *
 * Tabs share one session by a BroadcastChannel: a new tab first asks the others for their token, and a sign-out in one
 * is a sign-out in all. The channel reaches pages of this origin only. Stored is a mark that there is a session to ask
 * for, and nothing of it: who never signed in here asks for none, since all who share an address share five such
 * questions a minute.
 */
import { ask, ExchangeError } from "../api/api.js";
import { createStore } from "../store/store.js";

/**
 * @typedef {{user_id: string, username: string, email: string, account_type: string}} User
 * @typedef {{access_token: string, expires_in: number}} Tokens
 */

const RENEW_AHEAD_MS = 60_000;
/** Until it is asked again who this is, where the exchange did not say when. */
const ASK_AGAIN_MS = 5_000;
const NEIGHBOURS_ANSWER_WITHIN_MS = 120;
const MARK = "verdict-signed-in";
const DISABLED = 1004;

export function createSession() {
  /**
   * `ready` once it is known who this is, or will not be soon; `unsettled` as long as the exchange has not told; `ended`
   * why a session is over that nobody ended here.
   */
  const store = createStore({ user: /** @type {User | null} */ (null), ready: false, unsettled: false, ended: "" });
  /** @type {string | null} */
  let token = null;
  let expiresAt = 0;
  /** No sooner: what asks in between would only be refused again, and count. */
  let askAgainAt = 0;
  /** @type {Promise<boolean> | null} */
  let renewing = null;
  const tabs = new BroadcastChannel("verdict-session");

  tabs.onmessage = ({ data }) => {
    if (data.kind === "who" && token !== null) share();
    if (data.kind === "session") adopt(data);
    if (data.kind === "ended") forget("in another window");
  };

  const share = () => tabs.postMessage({ kind: "session", token, expiresAt, user: store.state.user });

  /** @param {{token: string, expiresAt: number, user: User}} session */
  function adopt(session) {
    ({ token, expiresAt } = session);
    localStorage.setItem(MARK, "yes");
    store.set({ user: session.user, ready: true, unsettled: false, ended: "" });
  }

  /** @param {string} [why] the page did not ask for it */
  function forget(why = "") {
    const ended = token === null && localStorage.getItem(MARK) === null ? "" : why;
    token = null;
    localStorage.removeItem(MARK);
    store.set({ user: null, ready: true, unsettled: false, ended });
  }

  /** @param {Tokens} tokens @param {User} user */
  function begin(tokens, user) {
    adopt({ token: tokens.access_token, expiresAt: Date.now() + tokens.expires_in * 1000, user });
    share();
  }

  function leave() {
    forget();
    tabs.postMessage({ kind: "ended" });
  }

  /**
   * One at a time, however many requests find the token ended: each renewal uses the cookie up.
   * @param {() => Promise<void>} begun @returns {Promise<boolean>} whether there is a new token
   */
  function oneAtATime(begun) {
    renewing ??= begun().then(() => true, () => false).finally(() => (renewing = null));
    return renewing;
  }

  const renew = async () =>
    Date.now() >= askAgainAt && oneAtATime(async () => {
      try {
        const tokens = await ask("POST /auth/refresh", {}, null);
        begin(tokens, await ask("GET /account/profile", {}, tokens.access_token));
      } catch (error) {
        const unsettled = error instanceof ExchangeError && (error.unanswered || error.status === 429 || error.status === 503);
        if (unsettled) askAgainAt = Date.now() + (error.retryAfter * 1000 || ASK_AGAIN_MS);
        else forget(error instanceof ExchangeError && error.code === DISABLED ? "this account is disabled" : "the session ended elsewhere, or was not used for long");
        throw error;
      }
    });



  return {
    store,

    /** Take up the session that a reload left, or one of another tab; ask until the exchange tells whether there is one. */
    async resume() {
      if (localStorage.getItem(MARK) === null) {
        store.set({ ready: true });
        return;
      }
      tabs.postMessage({ kind: "who" });
      await passed(NEIGHBOURS_ANSWER_WITHIN_MS);
      if (store.state.ready) return;
      store.set({ unsettled: true });
      while (!(await renew()) && store.state.unsettled) {
        store.set({ ready: true });
        await passed(askAgainAt - Date.now());
        if (token !== null) return;
      }
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

    /**
     * Another password is another session; what is refused meanwhile waits for it.
     * @param {string} current @param {string} next @param {boolean} revokeKeys
     */
    async changePassword(current, next, revokeKeys) {
      await this.token();
      while (renewing !== null) await renewing;
      const members = { current_password: current, new_password: next, revoke_api_keys: revokeKeys, cookie: true };
      const changed = ask("POST /account/password", members, token);
      oneAtATime(async () => begin(await changed, /** @type {User} */ (store.state.user)));
      await changed;
    },

    /** @param {string} current the password @param {string} email */
    async changeEmail(current, email) {
      const changed = await ask("POST /account/email", { current_password: current, new_email: email }, await this.token());
      store.set({ user: { .../** @type {User} */ (store.state.user), email: changed.email } });
      share();
    },

    async signOut() {
      try {
        await ask("POST /auth/logout", {}, token);
      } finally {
        leave();
      }
    },

    /** @param {boolean} revokeKeys @returns {Promise<number>} how many API keys ended with it */
    async signOutEverywhere(revokeKeys) {
      const { revoked_api_keys: revoked } = await ask("POST /account/logout-all", { revoke_api_keys: revokeKeys }, await this.token());
      leave();
      return revoked;
    },
  };
}

/** @param {number} ms */
const passed = (ms) => new Promise((pass) => setTimeout(pass, ms));

/** @typedef {ReturnType<typeof createSession>} Session */
