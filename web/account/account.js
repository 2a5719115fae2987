/** Who one is here, what opens the account, and where it is open. */
import { h } from "../draw/dom.js";
import { when } from "../draw/format.js";
import { seldom } from "../feeds/seldom.js";
import { card } from "../parts/card.js";
import { confirm } from "../parts/confirm.js";
import { facts } from "../parts/facts.js";
import { createForm } from "../parts/form.js";
import { unread } from "../parts/live.js";
import { table } from "../parts/table.js";
import { words } from "../parts/words.js";
import { emailProblem, PASSWORD, passwordProblem } from "../signin/rules.js";
import { createStore } from "../store/store.js";
import { keyTable, openNewKey } from "./keys.js";

const CURRENT_PASSWORD_WRONG = 1012;
const EMAIL_TAKEN = 1002;
const REST_MS = 2_000;
/** What was done elsewhere is told by no event. */
const ELSEWHERE_MS = 60_000;

/** @type {import("../parts/table.js").Columns} */
const COLUMNS = { "Signed in": "moment", "Last used": "moment", Change: "last" };

/** @param {import("../main.js").Page} page @returns {import("../main.js").Screen} */
export function open({ api, session, notices }) {
  const store = createStore({
    profile: /** @type {any} */ (null), problem: "", keys: /** @type {any[] | null} */ (null), sessions: /** @type {any[] | null} */ (null),
  });
  const reading = seldom(read, REST_MS, ELSEWHERE_MS);

  async function read() {
    const answers = Promise.all([api("GET /account/profile"), api("GET /account/api-keys"), api("GET /account/sessions")]);
    const [profile, keys, sessions] = await answers.catch((error) => {
      store.set({ problem: words(error) });
      throw error;
    });
    store.set({ profile, keys: keys.items, sessions: sessions.items, problem: "" });
  }

  reading.ask();

  const password = createForm({
    id: "password",
    values: { current_password: "", new_password: "", keys: true },
    check: ({ current_password: current, new_password: next }) => ({
      current_password: current ? undefined : "Your password as it is now.", new_password: passwordProblem(next),
    }),
    send: async ({ current_password: current, new_password: next, keys }) => {
      await session.changePassword(current, next, keys);
      password.set({ current_password: "", new_password: "" });
      done(`Your password is another now. Every other session ended${keys ? ", and your API keys with them" : ""}.`);
    },
    fieldOf: { [CURRENT_PASSWORD_WRONG]: "current_password" },
  });
  const email = createForm({
    id: "email",
    values: { new_email: "", current_password: "" },
    check: ({ new_email: address, current_password: current }) => ({
      new_email: emailProblem(address), current_password: current ? undefined : "Your password.",
    }),
    send: async ({ new_email: address, current_password: current }) => {
      await session.changeEmail(current, address);
      email.set({ new_email: "", current_password: "" });
      done(`Your e-mail address is ${address} now.`);
    },
    fieldOf: { [CURRENT_PASSWORD_WRONG]: "current_password", [EMAIL_TAKEN]: "new_email" },
  });

  /** @param {string} text */
  function done(text) {
    notices.say(text);
    read().catch(reading.ask);
  }

  /** @param {any} key */
  const revoke = ({ id, name }) =>
    confirm({
      title: `Revoke ${name}`, act: "Revoke it",
      says: "Whatever uses this key is refused from then on, and its connections close. Orders that it placed stay in the books.",
      send: async () => {
        await api("POST /account/api-keys/{key_id}/revoke", { key_id: id });
        done(`${name} opens nothing any more.`);
      },
    });

  /** @param {string} id */
  const leave = (id) =>
    confirm({
      title: "Sign out there", act: "Sign out there", says: "Whoever is signed in there has to sign in again.",
      send: async () => {
        await api("POST /account/sessions/{session_id}/end", { session_id: id });
        done("That session ended.");
      },
    });

  const leaveEverywhere = () =>
    confirm({
      title: "Sign out everywhere", act: "Sign out everywhere",
      says: "Every session of yours ends, on every device, this one too. Your orders stay in the books.",
      tick: { label: "Revoke my API keys, too", hint: "Programs that trade for you stop." },
      send: async (keys) => {
        const revoked = await session.signOutEverywhere(keys);
        notices.say(`You are signed out everywhere.${keys ? ` API keys revoked: ${revoked}.` : ""}`);
      },
    });

  const makeKey = () => openNewKey({ api, made: () => read().catch(reading.ask) });

  function who() {
    const { profile } = store.state;
    const { username, email: address } = session.store.state.user ?? { username: "", email: "" };
    return card("You", facts("sums", { Username: username, "E-mail": address, "Here since": profile === null ? "–" : when(profile.created_at, "day") }));
  }

  const newPassword = () =>
    card("Password",
      password.view({ send: "Change password", sending: "Changing it", kind: "" },
        // For the browser's own memory of passwords, which wants to know whose this is.
        h("input", { key: "username", hidden: true, readonly: true, autocomplete: "username", value: session.store.state.user?.username }),
        password.field({ name: "current_password", label: "Password now", kind: "password", autocomplete: "current-password" }),
        password.field({ name: "new_password", label: "New password", kind: "password", autocomplete: "new-password", hint: PASSWORD }),
        password.tick({ name: "keys", label: "Revoke my API keys, too", hint: "If somebody may know your password, they may have made one." })));

  const newEmail = () =>
    card("E-mail",
      email.view({ send: "Change e-mail", sending: "Changing it", kind: "" },
        email.field({ name: "new_email", label: "New e-mail", kind: "email", autocomplete: "email" }),
        email.field({ name: "current_password", label: "Your password", kind: "password", autocomplete: "current-password" })));

  function keys() {
    const { keys: made } = store.state;
    return h("section.card", { "aria-label": "API keys" },
      h("div.list-tools", h("h2", "API keys"), h("button", { on: { click: makeKey } }, "New key")),
      made === null ? h("p.loading", { role: "status" }, "Loading")
        : made.length === 0
          ? h("p.empty", "No program acts for you. One that should gets a key of its own, and never your password: ",
            h("a", { href: "/docs", "data-outside": true }, "what it can do"), ".")
          : keyTable({ keys: made, now: Date.now(), revoke }));
  }

  function sessions() {
    const { sessions: live } = store.state;
    return h("section.card", { "aria-label": "Sessions" },
      h("div.list-tools", h("h2", "Sessions"),
        h("button.danger", { on: { click: leaveEverywhere } }, "Sign out everywhere")),
      live === null ? h("p.loading", { role: "status" }, "Loading")
        : table("Sessions", COLUMNS, live.map(({ session_id: id, created_at: begun, last_used_at: used, current }) => [
          id, when(begun), when(used),
          current ? h("span.badge", "this one") : h("button.quiet", { on: { click: () => leave(id) } }, "Sign out there"),
        ])));
  }

  return {
    title: () => "Account",
    close: reading.stop,
    view: () => [
      h("header.screen-head", h("h1", "Account")),
      unread(store.state.problem),
      h("div.account", h("div", { key: "self" }, who(), newPassword(), newEmail()), h("div", { key: "open" }, keys(), sessions())),
    ],
  };
}
